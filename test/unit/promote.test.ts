// What promote makes of Terraform's plan for prod, without a cluster, a repository and AWS.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { applyPlan } from "../../pipeline/src/apply.js";
import { environment } from "../../pipeline/src/environments.js";
import { mergeTo } from "../../pipeline/src/gitMerge.js";
import { makePlan } from "../../pipeline/src/plan.js";
import type { ResourceChange } from "../../pipeline/src/planJson.js";
import { summarizePlan } from "../../pipeline/src/planSummary.js";
import { promote } from "../../pipeline/src/promote.js";
import { toMarkdown } from "../../pipeline/src/report.js";
import { StepFailure } from "../../pipeline/src/steps.js";

const REMOTE = { url: "https://github.com/owner/name", branch: "main", username: "me", password: {} };
const HEAD = "a".repeat(40);
const proof = { tag: "v0.2.0", digest: "sha256:0", head: HEAD, ahead: { head: undefined, commits: [] } };

vi.mock(import("../../pipeline/src/promotionProof.js"), async (original) => ({
  ...(await original()),
  proofOf: async () => proof as never,
}));
vi.mock(import("../../pipeline/src/gitHistory.js"), async (original) => ({
  ...(await original()),
  treeAt: async () => ({ file: () => ({ contents: async () => "version: 1.0.0" }) }) as never,
}));
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
vi.mock(import("../../pipeline/src/plan.js"), async (original) => ({ ...(await original()), makePlan: vi.fn() }));
vi.mock(import("../../pipeline/src/apply.js"), async (original) => ({ ...(await original()), applyPlan: vi.fn() }));
vi.mock(import("../../pipeline/src/gitMerge.js"), async (original) => ({ ...(await original()), mergeTo: vi.fn() }));

/** The plan is the one that is made now: what reviewers have seen is another. */
function plans(type: string, actions: string[]): void {
  const change: ResourceChange = { address: `module.x.${type}.this`, type, mode: "managed", change: { actions } };
  const json = { resource_changes: [change] };
  vi.mocked(makePlan).mockResolvedValue({ json, summary: summarizePlan(json, "Plan of prod") } as never);
}

const promoteProd = (dryRun: boolean) =>
  promote({
    ...{ source: {}, environment: environment("prod"), delivery: { remote: REMOTE }, terraform: { vars: [] } },
    ...{ aws: async () => ({}), log: () => undefined, dryRun },
  } as unknown as Parameters<typeof promote>[0]);

const failureOf = async (dryRun: boolean) => {
  const error = await promoteProd(dryRun).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StepFailure);
  return (error as StepFailure).message;
};

beforeEach(() => {
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
