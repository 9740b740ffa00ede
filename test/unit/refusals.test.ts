// What the module's functions refuse before they change anything.
import type { Directory, Secret } from "@dagger.io/dagger";
import { beforeEach, expect, it, vi } from "vitest";
import { ci } from "../../pipeline/src/ci.js";
import { refuseProtected } from "../../pipeline/src/deletionProtection.js";
import type { Delivery } from "../../pipeline/src/delivery.js";
import { environment } from "../../pipeline/src/environments.js";
import { HelloworldInfrastructure } from "../../pipeline/src/index.js";
import type { ResourceChange } from "../../pipeline/src/planJson.js";
import { applyFile } from "../../pipeline/src/terraformApply.js";
import { makePlan } from "../../pipeline/src/terraformPlan.js";

vi.mock(import("../../pipeline/src/aws.js"), async (original) => ({
  ...(await original()),
  openAwsSession: async () => ({ account: "111122223333" }) as never,
}));
vi.mock(import("../../pipeline/src/terraformPlan.js"), async (original) => ({
  ...(await original()),
  makePlan: vi.fn(),
}));
vi.mock(import("../../pipeline/src/terraformApply.js"), async (original) => ({
  ...(await original()),
  applyFile: vi.fn(),
}));

const module = new HelloworldInfrastructure({} as Directory);
const cluster = (actions: string[], isProtected?: boolean): ResourceChange => ({
  ...{ address: "module.eks.aws_eks_cluster.this", type: "aws_eks_cluster", mode: "managed" },
  change: { actions, before: isProtected === undefined ? null : { deletion_protection: isProtected } },
});
const plans = (...resource_changes: ResourceChange[]) =>
  vi.mocked(makePlan).mockResolvedValue({ json: { resource_changes }, folder: "the plan" } as never);

beforeEach(() => {
  vi.spyOn(console, "log").mockReturnValue();
  vi.mocked(applyFile).mockReset().mockResolvedValue("Destroy complete!");
});

const destroyProd = () => module.destroy("prod", "prod");
const planDestruction = () => module.plan("prod", [], undefined, true);

it.each([
  ["destroy", ["delete"], destroyProd],
  ["destroy", ["delete", "create"], destroyProd],
  ["plan --destroy", ["delete"], planDestruction],
])("%s says how to turn deletion protection off that is still on (%j)", async (_, actions, call) => {
  plans(cluster(actions, true));
  const refused = await call().catch((error: Error) => error.message);
  expect(refused).toContain(
    "Nothing was destroyed: EKS's deletion protection of module.eks.aws_eks_cluster.this is on.",
  );
  const calls = `${refused}`.split("\n").flatMap((line) => /^ +dagger call .*/.exec(line)?.[0].trim() ?? []);
  expect(calls.slice(0, 3)).toEqual([
    "dagger call plan --env prod --vars deletion_protection=false export --path plan",
    "dagger call apply --env prod --plan plan",
    "dagger call destroy --env prod --confirm prod --vars deletion_protection=false",
  ]);
  expect(applyFile).not.toHaveBeenCalled();
});

it("destroy goes on where protection is off, or is of something else", async () => {
  plans(cluster(["delete"], false), { ...cluster(["delete"], true), type: "aws_lb" }, cluster(["create"]));
  expect(await destroyProd()).toContain("Destroy complete!");
});

it("plan without --destroy shows also what would replace a protected cluster", async () => {
  plans(cluster(["delete", "create"], true));
  expect(await module.plan("prod")).toBe("the plan");
});

it.each([[["delete", "create"]], [["create", "delete"]], [["delete"]]])(
  "apply refuses a plan that takes a protected cluster away (%j)",
  (actions) => {
    const refused = () => refuseProtected({ resource_changes: [cluster(actions, true)] }, environment("prod"));
    expect(refused).toThrow(/^Nothing was applied: --plan deletes or replaces module\.eks\.aws_eks_cluster\.this/);
    expect(refused).toThrow("dagger call plan --env prod --vars deletion_protection=false export --path plan");
  },
);

it("apply takes a plan that changes a protected cluster, or replaces one without protection", () => {
  const changes = [cluster(["update"], true), cluster(["delete", "create"], false), cluster(["create"])];
  expect(refuseProtected({ resource_changes: changes }, environment("prod"))).toBeUndefined();
});

it("bump refuses local, whose release file is dev's", async () => {
  await expect(module.bump("local", "v0.2.0")).rejects.toThrow(
    "local has no release file of its own: it runs what clusters/dev/release.yaml says. Use dev or prod.",
  );
});

it.each([
  ["--passed-on", ["dev", undefined]],
  ["--image-digest", [undefined, `sha256:${"a".repeat(64)}`]],
] as const)("bump refuses %s without --git-token, as only a commit holds the proof", async (_, [passed, digest]) => {
  await expect(module.bump("dev", "v0.2.0", passed, digest)).rejects.toThrow(
    "--passed-on and --image-digest are recorded by a commit, and there is none without --git-token. Nothing was changed. " +
      "Next: the same call with --git-token of a token that may write the repository's contents.",
  );
});

it("promote refuses a kubeconfig on local, where it would not be used", async () => {
  await expect(module.promote("local", "v0.2.0", token)).rejects.toThrow(
    "promote --env local tries a promotion on a platform of its own: leave --kubeconfig out.",
  );
});

it.each([
  ["prod", /prod gets a tag by `ci --env dev` and `promote`/],
  [
    "local",
    /on a cluster of your own is no proof for prod: --git-token does not go with --env local and a --kubeconfig/,
  ],
])("ci commits nothing for %s", async (env, reason) => {
  const given = { source: {} as Directory, kubeconfig: {} as Secret, delivery: {} as Delivery, log: () => undefined };
  await expect(ci({ ...given, environment: environment(env), tag: "v0.2.0" })).rejects.toThrow(reason);
});

it.each([
  ["ci", (author: string) => module.ci("dev", "v0.2.0", undefined, undefined, undefined, token, "me", author)],
  ["bump", (author: string) => module.bump("dev", "v0.2.0", undefined, undefined, token, "me", author)],
  ["rollback", (author: string) => module.rollback("dev", token, undefined, undefined, "me", author)],
])("%s refuses a malformed author, before it asks for the token", async (_, call) => {
  await expect(call("nobody")).rejects.toThrow('"nobody" is no author of a commit. Give one as "Name <address>".');
  await expect(call("Some Body <a@b>")).rejects.toThrow("the token was asked for");
});

const token = {
  plaintext: async () => {
    throw new Error("the token was asked for");
  },
} as unknown as Secret;
