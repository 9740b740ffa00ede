import { describe, expect, it } from "vitest";
import { environment } from "../../pipeline/src/environments.js";
import { type StatusQuestion, statusOf } from "../../pipeline/src/status.js";
import {
  canary,
  clusterOf,
  condition,
  fluxEvent,
  gitRepository,
  givenUp,
  helmChart,
  helmRelease,
  kustomization,
  NEW,
  rolledOut,
  type Scene,
} from "../fixtures/flux.js";
import { at, exited, pod, readyPod } from "../fixtures/kubernetes.js";

const WELL: Scene = {
  kinds: ["helmreleases.helm.toolkit.fluxcd.io", "canaries.flagger.app"],
  source: gitRepository(NEW),
  kustomization: kustomization(NEW),
  chartSource: gitRepository(NEW, { chart: true }),
  chart: helmChart(NEW),
  release: helmRelease(),
  target: rolledOut("helloworld", "v0.2.0", { replicas: 0 }),
  primary: rolledOut("helloworld-primary", "v0.2.0"),
  canary: canary({ applied: "hash-2", promoted: "hash-2", at: 60 }),
  pods: [readyPod("helloworld-primary-1", "set-primary")],
};

async function status(scene: Scene, tag = "v0.2.0", more: Partial<StatusQuestion> = {}): Promise<string> {
  const clock = { now: () => at(600).getTime(), sleep: async () => undefined };
  return await statusOf(
    clusterOf(() => scene),
    { environment: environment("dev"), tag, clock, ...more },
  );
}

/** The line of the table that begins so, without its alignment. */
const line = (markdown: string, what: string) =>
  markdown
    .split("\n")
    .find((candidate) => candidate.startsWith(`| ${what}`))
    ?.replace(/ +/g, " ");

it("shows every link, the tags, the pods, the last deploy and drift", async () => {
  expect(await status(WELL)).toMatchInlineSnapshot(`
    "## dev: all is well

    | What                                               | State          | Since  | Detail |
    | -------------------------------------------------- | -------------- | ------ | ------ |
    | tag in git                                         | v0.2.0         |        | clusters/dev/release.yaml |
    | tag running                                        | v0.2.0         |        | Deployment helloworld-primary |
    | GitRepository flux-system/flux-system              | ready          | 10 min | has main@2222222 |
    | Kustomization flux-system/flux-system              | ready          | 10 min | applied main@2222222 |
    | GitRepository helloworld/helloworld-infrastructure | ready          | 10 min | has main@2222222 |
    | HelmChart helloworld/helloworld-helloworld         | ready          | 10 min | packaged 0.1.0+222222222222 |
    | HelmRelease helloworld/helloworld                  | ready          | 10 min | Helm test succeeded for release helloworld/helloworld.v2 with chart helloworld@0.1.0+222222222222: 1 test hook completed successfully |
    | Deployment helloworld/helloworld                   | ready          |        | v0.2.0: has no replicas: Flagger has scaled it down |
    | Canary helloworld/helloworld                       | ready          | 9 min  | Succeeded: the primary serves v0.2.0 |
    | pods                                               | 1 of 1 ready   |        | 0 restarts |
    | last deploy                                        | deployed       | 10 min | revision 2, chart 0.1.0+222222222222; before it 0.1.0+111111111111 (superseded) |
    | drift                                              | not looked for |        | spec.driftDetection is off; \`cluster-drift\` looks |
    "
  `);
});

it("takes a tag in git that waits for its promotion for no fault", async () => {
  const prod = { environment: environment("prod"), promotedTo: "prod" };
  const markdown = await status({ ...WELL, release: helmRelease({ tag: "v0.2.0" }) }, "v0.3.0", prod);
  expect(markdown).toContain("## prod: all is well");
  expect(line(markdown, "tag in git")).toBe(
    "| tag in git | v0.3.0 | | clusters/prod/release.yaml; prod gets it by `promote` |",
  );
  const late = await status({ ...WELL, release: helmRelease({ tag: "v0.3.0" }) }, "v0.3.0", prod);
  expect(late).toContain(
    "**Look first at:** Deployment helloworld/helloworld, which is in progress: has v0.2.0, waits for v0.3.0",
  );
});

it("works on a cluster without Flux and Flagger, and says so", async () => {
  const markdown = await status({ target: rolledOut("helloworld", "v0.1.0"), pods: WELL.pods ?? [], kinds: [] });
  expect(line(markdown, "Flux")).toBe(
    "| Flux | not installed | | nothing follows git here: `deploy` brings a version out |",
  );
  expect(line(markdown, "Flagger")).toContain("not installed");
  expect(line(markdown, "tag running")).toContain("v0.1.0");
  expect(markdown).not.toContain("GitRepository ");
  expect(markdown).toContain("**Look first at:** git says v0.2.0, and v0.1.0 runs");
});

it("points at the first link that failed", async () => {
  const said = "Helm upgrade failed for release helloworld/helloworld: timeout";
  const markdown = await status({ ...WELL, release: helmRelease({ conditions: givenUp(said) }) });
  expect(line(markdown, "HelmRelease")).toContain("**failed**");
  expect(markdown).toContain("**Look first at:** HelmRelease helloworld/helloworld: Flux has given up");
  expect(markdown).toContain(said);
  expect(markdown).toContain("Next: flux -n helloworld events --for HelmRelease/helloworld");
});

it("points at a failed canary although Flux is content", async () => {
  const events = [
    fluxEvent("Canary", "helloworld", "Synced", "Halt helloworld.helloworld advancement success-rate 12.50 < 99", {
      at: 70,
    }),
  ];
  const failed = canary({ phase: "Failed", applied: "hash-2", at: 80 });
  const markdown = await status({
    ...WELL,
    primary: rolledOut("helloworld-primary", "v0.1.0"),
    canary: failed,
    events,
  });
  expect(line(markdown, "tag running")).toBe(
    "| tag running | v0.1.0 | | Deployment helloworld-primary; v0.2.0 is not promoted (Failed) |",
  );
  expect(line(markdown, "HelmRelease")).toContain("ready");
  expect(markdown).toContain("success-rate was 12.50 and must be at least 99");
});

it("takes what waits for an approval, or for what it depends on, for no failure, and says for what it waits", async () => {
  const promotion = canary({ phase: "WaitingPromotion", applied: "hash-2" });
  const approval = await status({ ...WELL, primary: rolledOut("helloworld-primary", "v0.1.0"), canary: promotion });
  expect(line(approval, "Canary")).toContain("| in progress |");
  expect(approval).toContain("**Look first at:** Canary helloworld/helloworld: Flagger waits for an approval");
  const said = "dependency 'flux-system/monitoring' is not ready";
  const conditions = [condition("Ready", "False", "DependencyNotReady", said, { generation: 2 })];
  const dependency = await status({ ...WELL, release: helmRelease({ conditions }) });
  expect(line(dependency, "HelmRelease")).toContain("| in progress |");
  expect(dependency).toContain(said);
});

it("tells an installation that fails again and again", async () => {
  const said = "Helm install failed for release helloworld/helloworld: timeout";
  const failed = (failures: number) =>
    helmRelease({ failures, conditions: [condition("Ready", "False", "InstallFailed", said, { generation: 2 })] });
  expect(line(await status({ ...WELL, release: failed(1) }), "HelmRelease")).toContain("| in progress |");
  expect(line(await status({ ...WELL, release: failed(4) }), "HelmRelease")).toContain("| **failed** |");
});

it("points at what is suspended", async () => {
  const markdown = await status({ ...WELL, kustomization: kustomization(NEW, { suspend: true }) });
  expect(line(markdown, "Kustomization")).toContain("suspended");
  expect(markdown).toContain("**Look first at:** Kustomization flux-system/flux-system is suspended");
  expect(markdown).toContain("flux -n flux-system resume kustomization flux-system");
});

describe("drift", () => {
  const found =
    "Cluster state of release helloworld/helloworld.v2 has drifted from the desired state:\nDeployment/helloworld/helloworld changed (0 additions, 1 changes, 0 removals)";
  const putBack =
    "Cluster state of release helloworld/helloworld.v2 has been corrected:\nDeployment/helloworld/helloworld configured";
  const said = (reason: string, message: string, second: number) =>
    fluxEvent("HelmRelease", "helloworld", reason, message, { at: second });
  const drift = (mode: string, ...events: ReturnType<typeof said>[]) => {
    const release = helmRelease();
    const looking = { ...release, spec: { ...release.spec, driftDetection: { mode } } };
    return status({ ...WELL, release: looking, events });
  };

  it("was looked for and not found", async () => {
    expect(line(await drift("enabled"), "drift")).toBe(
      "| drift | none seen | | Flux looks every 10m; `cluster-drift` looks now |",
    );
  });

  it("is told as Flux has found it, with what shows more", async () => {
    const markdown = await drift("warn", said("DriftDetected", found, 480));
    expect(line(markdown, "drift")).toMatch(
      /^\| drift \| \*\*yes\*\* \| 2 min \| .*Deployment\/helloworld\/helloworld changed/,
    );
    expect(markdown).toContain("**Look first at:** what was changed by hand");
    expect(markdown).toContain("Next: dagger call cluster-drift --env dev shows each field");
  });

  it("was put back, within the same second", async () => {
    const markdown = await drift("enabled", said("DriftDetected", found, 480), said("DriftCorrected", putBack, 480));
    expect(line(markdown, "drift")).toContain("| drift | put back | 2 min |");
    expect(markdown).toContain("all is well");
  });

  it("is no more when Flux has not said it again", async () => {
    expect(line(await drift("warn", said("DriftDetected", found, -1000)), "drift")).toContain("| none any more |");
  });
});

it("counts pods that aren't ready, and restarts", async () => {
  const crashed = pod({ phase: "Running", container: { restartCount: 3, state: { terminated: exited(1) } } });
  const markdown = await status({ ...WELL, pods: [...(WELL.pods ?? []), crashed] });
  expect(line(markdown, "pods")).toMatch(/\| pods \| 1 of 2 ready \| \| 3 restarts \|/);
});

it("leaves out pods that their node has ended: others stand for them", async () => {
  const evicted = pod({ name: "helloworld-primary-0", phase: "Failed", status: { reason: "Evicted" } });
  const markdown = await status({ ...WELL, pods: [...(WELL.pods ?? []), evicted] });
  expect(markdown).toContain("## dev: all is well");
  expect(line(markdown, "pods")).toContain("| 1 of 1 ready |");
});

it("sees that nothing serves, with Flagger and without", async () => {
  const primary = rolledOut("helloworld-primary", "v0.2.0", { replicas: 0 });
  expect(await status({ ...WELL, primary, pods: [] })).toContain(
    "**Look first at:** the Deployment helloworld-primary, of which no pod is available: nothing serves",
  );
  const alone = await status({ kinds: [], target: rolledOut("helloworld", "v0.2.0", { replicas: 0 }), pods: [] });
  expect(alone).toContain("**Look first at:** the Deployment helloworld, of which no pod is available");
  expect(alone).not.toContain("Flagger has scaled it down");
});

it("is about the working tree's tag: one that isn't pushed is seen", async () => {
  expect(await status(WELL, "v0.3.0")).toContain("git says v0.3.0, and v0.2.0 runs");
});

it("says how to go back when Flagger has given up what git has, and only then", async () => {
  const failed = canary({ phase: "Failed", applied: "hash-2", at: 80 });
  const target = rolledOut("helloworld", "v0.2.0", { replicas: 0 });
  const markdown = await status({
    ...WELL,
    canary: failed,
    target,
    primary: rolledOut("helloworld-primary", "v0.1.0"),
  });
  expect(markdown).toContain(
    "Next: kubectl -n helloworld describe canary helloworld; then, so that git and cluster agree again: dagger call rollback --env dev --git-token …",
  );
});

it("says that the files here may be behind when Flux has what runs from git", async () => {
  expect(await status(WELL, "v0.3.0")).toMatch(
    /git says v0\.3\.0, and v0\.2\.0 runs, as Flux has it from main@2222222: the files here are behind, or .*\n\nNext: git pull/,
  );
});
