// What promote makes of Terraform's plan for prod, without a cluster, a repository and AWS.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { environment } from "../../pipeline/src/environments.js";
import { releaseMessage } from "../../pipeline/src/evidence.js";
import { runGit } from "../../pipeline/src/git.js";
import { mergeTo } from "../../pipeline/src/gitMerge.js";
import type { ResourceChange } from "../../pipeline/src/planJson.js";
import { summarizePlan } from "../../pipeline/src/planSummary.js";
import { promote } from "../../pipeline/src/promote.js";
import { proofOf } from "../../pipeline/src/promotionProof.js";
import { requireTag } from "../../pipeline/src/registry.js";
import { toMarkdown } from "../../pipeline/src/report.js";
import { StepFailure } from "../../pipeline/src/steps.js";
import { applyPlan } from "../../pipeline/src/terraformApply.js";
import { makePlan } from "../../pipeline/src/terraformPlan.js";

const REMOTE = { url: "https://github.com/owner/name", branch: "main", username: "me", password: {} };
const HEAD = "a".repeat(40);
const DIGEST = `sha256:${"0".repeat(64)}`;
const prod = environment("prod");

const release = (repository: string) => `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: helloworld, namespace: helloworld}
spec: {chart: {spec: {chart: ./appManifests}}, values: {image: {repository: ${repository}, tag: "v0.2.0"}}}
`;
/** A tree of files whose image comes from this repository. */
const treeWith = (repository: string) => ({
  file: (path: string) => ({
    contents: async () => (path === prod.releaseFile ? release(repository) : "version: 1.0.0"),
  }),
});
const promoted = treeWith("ghcr.io/owner/promoted");
const proof = {
  ...{ tag: "v0.2.0", digest: DIGEST, head: HEAD, source: promoted },
  ahead: { head: undefined, commits: [] },
};

vi.mock(import("../../pipeline/src/promotionProof.js"), async (original) => ({
  ...(await original()),
  proofOf: vi.fn(),
}));
vi.mock(import("../../pipeline/src/gitHistory.js"), async (original) => ({
  ...(await original()),
  treeAt: async () => promoted as never,
  historyOf: async () => {
    const message = releaseMessage({ file: prod.releaseFile, tag: "v0.2.0", digest: DIGEST, passed: "dev" });
    const text = release("ghcr.io/owner/promoted");
    return { head: HEAD, text, commits: [{ sha: HEAD, message, text }], proofs: [] };
  },
}));
vi.mock(import("../../pipeline/src/git.js"), async (original) => {
  const container = { withEnvVariable: () => container };
  return { ...(await original()), gitContainer: () => container as never, runGit: vi.fn() };
});
vi.mock(import("../../pipeline/src/registry.js"), async (original) => ({ ...(await original()), requireTag: vi.fn() }));
vi.mock(import("../../pipeline/src/delivery.js"), async (original) => ({
  ...(await original()),
  followedBy: async () => ({ ...REMOTE, branch: "prod" }) as never,
}));
vi.mock(import("../../pipeline/src/deployment.js"), async (original) => ({
  ...(await original()),
  targetOf: async () => ({ api: {} }) as never,
}));
vi.mock(import("../../pipeline/src/gitopsRelease.js"), async (original) => ({
  ...(await original()),
  followsGit: async () => true,
}));
vi.mock(import("../../pipeline/src/releaseChain.js"), async (original) => ({
  ...(await original()),
  lookAtRelease: async () => ({ standings: [], objects: {} }) as never,
}));
vi.mock(import("../../pipeline/src/terraformPlan.js"), async (original) => ({
  ...(await original()),
  makePlan: vi.fn(),
}));
vi.mock(import("../../pipeline/src/terraformApply.js"), async (original) => ({
  ...(await original()),
  applyPlan: vi.fn(),
}));
vi.mock(import("../../pipeline/src/gitMerge.js"), async (original) => ({ ...(await original()), mergeTo: vi.fn() }));

/** The plan is the one that is made now: what reviewers have seen is another. */
function plans(type: string, actions: string[]): void {
  const change: ResourceChange = { address: `module.x.${type}.this`, type, mode: "managed", change: { actions } };
  const json = { resource_changes: [change] };
  vi.mocked(makePlan).mockResolvedValue({ json, summary: summarizePlan(json, "Plan of prod") } as never);
}

const promoteProd = (dryRun: boolean) =>
  promote({
    ...{ source: treeWith("ghcr.io/owner/checkout"), environment: prod, delivery: { remote: REMOTE } },
    ...{ terraform: { vars: [] }, aws: async () => ({}), log: () => undefined, dryRun },
  } as unknown as Parameters<typeof promote>[0]);

const failureOf = async (dryRun: boolean) => {
  const error = await promoteProd(dryRun).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StepFailure);
  return (error as StepFailure).message;
};

beforeEach(() => {
  vi.mocked(proofOf)
    .mockReset()
    .mockResolvedValue(proof as never);
  vi.mocked(applyPlan).mockReset().mockResolvedValue("## Applied\n\n**Apply complete!**\n");
  vi.mocked(mergeTo).mockReset().mockRejectedValue(new Error("this is as far as the test goes"));
});

describe.each([
  ["aws_s3_bucket", ["delete"], "`module.x.aws_s3_bucket.this` would be destroyed: its objects would be lost."],
  ["aws_eks_node_group", ["create", "delete"], "would be replaced: its nodes; the pods on them move would be lost."],
])("a plan that loses something (%s %j)", (type, actions, loss) => {
  beforeEach(() => plans(type, actions));

  it("is refused before anything is applied or merged", async () => {
    const message = await failureOf(false);
    expect(message).toMatch(/^terraform apply:\n +Terraform's plan of prod would lose something.*Nothing was changed/m);
    expect(message).toContain(loss);
    expect(message).toContain("dagger call plan --env prod export --path plan");
    expect(message).toContain("dagger call apply --env prod --plan plan");
    expect(message).toContain("Nothing was merged: prod goes on with what prod has.");
    expect(applyPlan).not.toHaveBeenCalled();
    expect(mergeTo).not.toHaveBeenCalled();
  });

  it("is refused in the dry run's report already, where reviewers see it", async () => {
    const report = toMarkdown(await promoteProd(true));
    expect(report).toContain("### This plan is refused");
    expect(report).toContain("would lose something, and promote applies no such plan");
    expect(report.split(loss).length).toBe(3); // in the plan's summary, and in the refusal
  });
});

describe.each([
  ["aws_s3_bucket", ["create"]],
  ["aws_iam_role", ["delete", "create"]],
])("a plan that loses nothing (%s %j)", (type, actions) => {
  beforeEach(() => plans(type, actions));

  it("is applied", async () => {
    expect(await failureOf(false)).toContain("this is as far as the test goes");
    expect(applyPlan).toHaveBeenCalledOnce();
  });

  it("is only shown in a dry run", async () => {
    expect(toMarkdown(await promoteProd(true))).not.toMatch(/refused/);
    expect(applyPlan).not.toHaveBeenCalled();
  });
});

describe("a promotion", () => {
  const afterClone = (said: string) => vi.mocked(runGit).mockResolvedValue({ stdout: `${said}\n` } as never);

  beforeEach(async () => {
    const actual = await vi.importActual<typeof import("../../pipeline/src/promotionProof.js")>(
      "../../pipeline/src/promotionProof.js",
    );
    vi.mocked(proofOf).mockImplementation(actual.proofOf);
    vi.mocked(makePlan).mockReset();
    vi.mocked(requireTag).mockReset().mockResolvedValue(DIGEST);
    plans("aws_s3_bucket", ["create"]);
  });

  it.each([
    ["", false],
    [", in a dry run too,", true],
  ])("of a commit before one that prod has had is refused%s before Terraform's plan", async (_, dryRun) => {
    afterClone(`older ${"b".repeat(40)}`);
    expect(await failureOf(dryRun)).toMatch(
      /^proof:\n +The branch prod of https:\S+ has had bbbbbbb, which came after aaaaaaa\. It was left alone/m,
    );
    for (const later of [makePlan, applyPlan, mergeTo]) expect(later).not.toHaveBeenCalled();
  });

  it("of the commit that prod has already goes on", async () => {
    afterClone(HEAD);
    expect(await failureOf(false)).toContain("this is as far as the test goes");
    expect(applyPlan).toHaveBeenCalledOnce();
  });

  it("asks for the image in the repository that the promoted commit names, whatever is checked out", async () => {
    afterClone(HEAD);
    await promoteProd(true);
    expect(requireTag).toHaveBeenCalledExactlyOnceWith({ host: "ghcr.io" }, "ghcr.io/owner/promoted", "v0.2.0");
  });
});
