import { describe, expect, it } from "vitest";
import { ReleaseFailure, type ReleaseOptions, waitForRelease } from "../../pipeline/src/releaseChain.js";
import {
  canary,
  chartVersion,
  clusterOf,
  condition,
  fetchFailed,
  fluxEvent,
  gitRepository,
  givenUp,
  helmChart,
  helmRelease,
  kustomization,
  NEW,
  OLD,
  revision,
  rolledOut,
  type Scene,
  upgrading,
} from "../fixtures/flux.js";
import {
  at,
  crashLoop,
  event,
  exited,
  NAMESPACE,
  NEVER_READY,
  pod,
  readyPod,
  waiting,
} from "../fixtures/kubernetes.js";

/** Before the commit: v0.1.0 runs. */
const BEFORE: Scene = {
  source: gitRepository(OLD),
  kustomization: kustomization(OLD),
  chartSource: gitRepository(OLD, { chart: true }),
  chart: helmChart(OLD),
  release: helmRelease({ tag: "v0.1.0", generation: 1, attempted: OLD, deployed: -3600 }),
  target: rolledOut("helloworld", "v0.1.0"),
};
const FETCHED: Scene = { ...BEFORE, source: gitRepository(NEW) };
const APPLIED: Scene = {
  ...FETCHED,
  kustomization: kustomization(NEW),
  release: helmRelease({ attemptedGeneration: 1, attempted: OLD, deployed: -3600 }),
};
const PACKAGED: Scene = { ...APPLIED, chartSource: gitRepository(NEW, { chart: true }), chart: helmChart(NEW) };
const UPGRADING: Scene = {
  ...PACKAGED,
  release: helmRelease({ conditions: upgrading() }),
  target: rolledOut("helloworld", "v0.2.0", { ready: 0 }),
};
const OUT: Scene = { ...PACKAGED, release: helmRelease(), target: rolledOut("helloworld", "v0.2.0") };

/** The same, where Flagger is in charge of what serves. */
const IDLE = rolledOut("helloworld", "v0.2.0", { replicas: 0 });
const READY_CANARY_OLD: Scene = {
  ...OUT,
  target: IDLE,
  primary: rolledOut("helloworld-primary", "v0.1.0"),
  canary: canary(),
};
const analysing = (iterations: number): Scene => ({
  ...READY_CANARY_OLD,
  target: rolledOut("helloworld", "v0.2.0"),
  canary: canary({ phase: "Progressing", applied: "hash-2", iterations, at: 8 }),
});
const PROMOTED: Scene = {
  ...READY_CANARY_OLD,
  primary: rolledOut("helloworld-primary", "v0.2.0"),
  canary: canary({ applied: "hash-2", promoted: "hash-2", at: 60 }),
};

/** A cluster that shows each scene from its second on. */
function cluster(scenes: Record<number, Scene>, options: Partial<ReleaseOptions> = {}) {
  let seconds = 0;
  const lines: string[] = [];
  const scene = (): Scene => {
    const begun = Object.keys(scenes)
      .map(Number)
      .filter((second) => second <= seconds);
    return scenes[Math.max(...begun)] ?? {};
  };
  const api = clusterOf(scene);
  const all: ReleaseOptions = {
    namespace: NAMESPACE,
    helmRelease: "helloworld",
    revision: NEW,
    tag: "v0.2.0",
    timeoutSeconds: 300,
    log: (line) => lines.push(line),
    clock: {
      now: () => at(seconds).getTime(),
      sleep: async (milliseconds) => {
        seconds += milliseconds / 1000;
      },
    },
    ...options,
  };
  return { run: () => waitForRelease(api, all), lines, seconds: () => seconds };
}

async function failureOf(scenes: Record<number, Scene>, options?: Partial<ReleaseOptions>) {
  const { run, lines } = cluster(scenes, options);
  const error: unknown = await run().catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ReleaseFailure);
  return { ...(error as ReleaseFailure), message: (error as ReleaseFailure).message, lines };
}

/** A commit that came after the wanted one, and is out. */
const LATER = "3333333333333333333333333333333333333333";
const OUT_LATER: Scene = {
  ...OUT,
  source: gitRepository(LATER),
  kustomization: kustomization(LATER),
  chartSource: gitRepository(LATER, { chart: true }),
  chart: helmChart(LATER),
  release: helmRelease({ attempted: LATER }),
};

describe("a release that comes out", () => {
  it("is through when commit, chart, HelmRelease and Deployment have arrived, in this order", async () => {
    const { run, lines } = cluster({ 0: BEFORE, 2: FETCHED, 3: APPLIED, 5: PACKAGED, 6: UPGRADING, 9: OUT });
    const result = await run();
    expect(result).toMatchObject({ seconds: 9, tag: "v0.2.0" });
    expect(lines).toContain("[  0.0 s] GitRepository flux-system/flux-system: waits for 2222222, has main@1111111");
    expect(lines).toContain("[  2.0 s] GitRepository flux-system/flux-system: has main@2222222");
    expect(lines).toContain("[  3.0 s] Kustomization flux-system/flux-system: applied main@2222222");
    expect(lines).toContain(`[  5.0 s] HelmChart helloworld/helloworld-helloworld: packaged ${chartVersion(NEW)}`);
    expect(lines).toContain("[  6.0 s] Deployment helloworld/helloworld: v0.2.0: 0 of 2 updated replicas available");
    expect(result.timeline[0]).toMatchObject({ at: 0, link: "Commit", text: "2222222 is in git", state: "arrived" });
    expect(result.timeline.at(-1)).toMatchObject({ at: 9, link: "Deployment", text: "v0.2.0: is out" });
  });

  it("says each thing once", async () => {
    const { run, lines } = cluster({ 0: BEFORE, 60: OUT });
    await run();
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.length).toBeLessThan(14);
  });

  it("isn't taken for out while the HelmRelease is Ready from the version before", async () => {
    const { run } = cluster({ 0: APPLIED, 20: OUT });
    expect((await run()).seconds).toBe(20);
  });

  it("waits for the chart of the commit: the chart's source is fetched apart from the sync's", async () => {
    const stale = {
      ...OUT,
      chartSource: gitRepository(OLD, { chart: true }),
      chart: helmChart(OLD),
      release: helmRelease({ attempted: OLD }),
    };
    const { run } = cluster({ 0: stale, 30: OUT });
    expect((await run()).seconds).toBe(30);
  });

  it("bears a cluster that doesn't answer for a moment", async () => {
    const error = Object.assign(new Error("connection refused"), { transient: true });
    expect((await cluster({ 0: BEFORE, 1: { error }, 2: OUT }).run()).seconds).toBe(2);
  });

  it("needs no revision and no tag", async () => {
    const { run } = cluster({ 0: OUT }, { revision: undefined, tag: undefined } as never);
    expect(await run()).toMatchObject({ seconds: 0, tag: "v0.2.0" });
  });

  it("accepts a later commit that holds the wanted one", async () => {
    const { run, lines } = cluster({ 0: BEFORE, 2: OUT_LATER }, { contains: async (commit) => commit === LATER });
    expect((await run()).seconds).toBe(2.5);
    expect(lines.join("\n")).toContain("3333333, which came after 2222222");
  });

  it("goes on looking while it asks about another commit, asks again where it got no answer, and never about the one from before", async () => {
    const asked: string[] = [];
    const contains = (commit: string) => {
      asked.push(commit);
      return asked.length > 1 ? new Promise<boolean>(() => undefined) : Promise.reject(new Error("git is away"));
    };
    const other = { ...BEFORE, source: gitRepository("4444444444444444444444444444444444444444") };
    const { run } = cluster({ 0: BEFORE, 8: other, 9.5: OUT }, { contains });
    expect((await run()).seconds).toBe(9.5);
    expect(asked.map((commit) => commit.slice(0, 7))).toEqual(["4444444", "4444444"]);
  });

  it("asks about the commit that Flux had at first when it stays", async () => {
    const { run } = cluster({ 0: OUT_LATER }, { contains: async (commit) => commit === LATER });
    expect((await run()).seconds).toBe(10.5);
  });
});

describe("with Flagger", () => {
  it("ends with the promotion, not with the HelmRelease", async () => {
    const { run, lines } = cluster({
      0: UPGRADING,
      6: READY_CANARY_OLD,
      8: analysing(0),
      20: analysing(1),
      30: analysing(2),
      60: PROMOTED,
    });
    expect(await run()).toMatchObject({ seconds: 60, tag: "v0.2.0" });
    const said = lines.join("\n");
    expect(said).toContain("Canary helloworld/helloworld: Flagger has not looked at the new version yet (Succeeded)");
    expect(said).toContain("analysis 2 of 5 (success-rate ≥ 99, latency-p99 ≤ 0.5)");
    expect(said).toContain("Succeeded: the primary serves v0.2.0");
  });

  it("is through when the primary has the version alone: to end the pods that were analysed takes Flagger twenty seconds more", async () => {
    const promoting = (phase: string): Scene => ({
      ...analysing(5),
      primary: rolledOut("helloworld-primary", "v0.2.0"),
      canary: canary({ phase, applied: "hash-2", iterations: 6, at: 40 }),
    });
    const old = readyPod("helloworld-primary-1", "set-before");
    const { run, lines } = cluster({
      0: READY_CANARY_OLD,
      8: analysing(1),
      40: { ...promoting("Promoting"), primary: rolledOut("helloworld-primary", "v0.2.0", { ready: 1 }) },
      42: { ...promoting("Promoting"), pods: [old] },
      48: promoting("Promoting"),
    });
    expect(await run()).toMatchObject({ seconds: 48, tag: "v0.2.0" });
    const said = lines.join("\n");
    expect(said).toContain("Deployment helloworld/helloworld-primary: v0.2.0: 1 of 2 updated replicas available");
    expect(said).toContain("Deployment helloworld/helloworld-primary: v0.2.0: 1 old pods still to end");
    expect((await cluster({ 0: promoting("Finalising") }).run()).seconds).toBe(0);
  });

  it("isn't taken for out while Flagger promotes the version before", async () => {
    const before: Scene = {
      ...READY_CANARY_OLD,
      target: rolledOut("helloworld", "v0.2.0"),
      canary: canary({ phase: "Finalising", applied: "hash-1", promoted: "hash-0" }),
    };
    const sameTag = {
      ...before,
      target: rolledOut("helloworld", "v0.2.0", { env: "hi" }),
      primary: rolledOut("helloworld-primary", "v0.2.0"),
    };
    const after = { ...PROMOTED, target: rolledOut("helloworld", "v0.2.0", { replicas: 0, env: "hi" }) };
    const out = { ...after, primary: rolledOut("helloworld-primary", "v0.2.0", { env: "hi" }) };
    expect((await cluster({ 0: before, 30: PROMOTED }).run()).seconds).toBe(30);
    expect((await cluster({ 0: sameTag, 30: out }).run()).seconds).toBe(30);
  });

  it("sees a change of something else than the tag", async () => {
    const before = { ...PROMOTED, target: rolledOut("helloworld", "v0.2.0", { replicas: 0, env: "hi" }) };
    const after = { ...before, primary: rolledOut("helloworld-primary", "v0.2.0", { env: "hi" }) };
    expect((await cluster({ 0: before, 4: analysing(1), 15: after }).run()).seconds).toBe(15);
  });

  it("fails with the metric, its value and its threshold although the HelmRelease is Ready", async () => {
    const events = [
      fluxEvent("Canary", "helloworld", "Synced", "Halt helloworld.helloworld advancement success-rate 97.00 < 99", {
        at: -3000,
      }),
      fluxEvent("Canary", "helloworld", "Synced", "Halt helloworld.helloworld advancement success-rate 0.00 < 99", {
        at: 30,
        count: 3,
      }),
      fluxEvent(
        "Canary",
        "helloworld",
        "Synced",
        "Rolling back helloworld.helloworld failed checks threshold reached 3",
        { at: 40 },
      ),
    ];
    const failed = { ...READY_CANARY_OLD, canary: canary({ phase: "Failed", applied: "hash-2", at: 40 }), events };
    const { message, link, lines } = await failureOf({
      0: READY_CANARY_OLD,
      8: { ...analysing(1), events: [] },
      40: failed,
    });
    expect(link).toBe("Canary");
    expect(message).toContain("Flagger's analysis of v0.2.0 failed; the primary goes on serving v0.1.0");
    expect(message).toContain("success-rate was 0.00 and must be at least 99 (3 times)");
    expect(message).not.toContain("97.00");
    expect(message).toContain("Next: kubectl -n helloworld describe canary helloworld");
    expect(lines.join("\n")).toContain("HelmRelease helloworld/helloworld: Helm test succeeded");
  });

  it("knows the halts from before a second release of the same values, and none of the analysis before", async () => {
    const halt = (value: string) => `Halt helloworld.helloworld advancement success-rate ${value} < 99`;
    const events = [
      fluxEvent("Canary", "helloworld", "Synced", halt("50.00"), { at: -20 }),
      fluxEvent("Canary", "helloworld", "Synced", "New revision detected! Scaling up helloworld.helloworld", {
        at: 10,
        type: "Normal",
      }),
      fluxEvent("Canary", "helloworld", "Synced", halt("0.00"), { at: 20 }),
    ];
    const release = helmRelease({ deployed: 30 });
    const failed = canary({ phase: "Failed", applied: "hash-2", at: 40 });
    const { message } = await failureOf({ 0: { ...READY_CANARY_OLD, release, canary: failed, events } });
    expect(message).toContain("success-rate was 0.00");
    expect(message).not.toContain("50.00");
  });

  describe("whose pods Flagger has ended when it gave them up", () => {
    const starting = { ...analysing(0), target: rolledOut("helloworld", "v0.2.0", { ready: 0 }), ...NEVER_READY };
    const failed = { ...READY_CANARY_OLD, canary: canary({ phase: "Failed", applied: "hash-2", at: 25 }) };

    it("comes with what they said, where they did not get ready", async () => {
      const { message, link } = await failureOf({ 0: READY_CANARY_OLD, 5: starting, 25: failed });
      expect(link).toBe("Canary");
      expect(message).toContain("pod helloworld-new-1: Running");
      expect(message).toContain("container app: running, not ready");
      expect(message).toContain("Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503");
    });

    it("comes with state, events and log of those that were ready when a check failed", async () => {
      const pods = [readyPod("helloworld-new-1", "set-new")];
      const started = event("Started", "Started container app", { type: "Normal" });
      const wrong = { ...analysing(0), canary: canary({ phase: "Progressing", applied: "hash-2", failedChecks: 1 }) };
      const said = { ...wrong, pods, events: [started], log: "GET / 500: no database\n" };
      const { message } = await failureOf({
        0: READY_CANARY_OLD,
        5: starting,
        10: said,
        25: { ...failed, log: "later" },
      });
      expect(message).toContain("pod helloworld-new-1: Running");
      expect(message).toContain("container app: running, ready");
      expect(message).toContain("Normal Started: Started container app");
      expect(message).toMatch(/Last log lines of helloworld-new-1\/app:\n +GET \/ 500: no database/);
      expect(message).not.toContain("later");
    });

    it("comes without what was said before an analysis that began anew", async () => {
      const pods = [readyPod("helloworld-new-1", "set-new")];
      const wrong = canary({ phase: "Progressing", applied: "hash-2", failedChecks: 1 });
      const first = { ...analysing(0), canary: wrong, pods, log: "of the first" };
      const { message } = await failureOf({ 0: READY_CANARY_OLD, 10: first, 20: analysing(0), 25: failed });
      expect(message).not.toContain("of the first");
    });

    it("comes without their start, where they did", async () => {
      const { message } = await failureOf({ 0: READY_CANARY_OLD, 5: starting, 10: analysing(0), 25: failed });
      expect(message).toContain("Flagger's analysis of v0.2.0 failed");
      expect(message).not.toContain("not ready");
    });
  });

  it("doesn't take the failure of the version before for one of this", async () => {
    const before = { ...READY_CANARY_OLD, canary: canary({ phase: "Failed", applied: "hash-bad", at: -600 }) };
    expect((await cluster({ 0: before, 8: analysing(1), 60: PROMOTED }).run()).seconds).toBe(60);
  });

  it("knows that Flagger won't try a failed version again", async () => {
    const failed = { ...READY_CANARY_OLD, canary: canary({ phase: "Failed", applied: "hash-2", at: -600 }) };
    const { message, seconds } = await failureOf({ 0: failed });
    expect(message).toContain("Flagger's analysis of v0.2.0 failed");
    expect(seconds).toBeLessThan(30);
  });

  it("is out again after a failed version was taken back, although the Canary says Failed", async () => {
    const primary = rolledOut("helloworld-primary", "v0.2.0");
    const notYet = {
      ...READY_CANARY_OLD,
      primary,
      canary: canary({ phase: "Failed", applied: "hash-bad", promoted: "hash-2", at: -60 }),
    };
    const reverted = { ...notYet, canary: canary({ phase: "Failed", applied: "hash-2", promoted: "hash-2", at: -60 }) };
    const { run, lines } = cluster({ 0: notYet, 9: reverted });
    expect((await run()).seconds).toBe(9);
    expect(lines.join("\n")).toContain("the primary serves v0.2.0 again");
  });

  it("has Flagger analyse a version that it leaves alone, once, when it has had the time to look twice", async () => {
    const asked: unknown[] = [];
    // It was taken back in the middle of its analysis, and its hash is kept as the promoted one.
    const leftAlone: Scene = { ...READY_CANARY_OLD, canary: canary({ applied: "hash-2", promoted: "hash-2" }) };
    const { run, seconds } = cluster(
      { 0: leftAlone, 90: analysing(0), 100: PROMOTED },
      { askForAnalysis: async ({ status }) => asked.push([status?.phase, seconds()]) > 0 },
    );
    expect(await run()).toMatchObject({ seconds: 100, tag: "v0.2.0" });
    expect(asked).toEqual([["Succeeded", 25.5]]);
  });

  it("asks Flagger again when it could not be asked, and takes the failure from before for no answer meanwhile", async () => {
    const asked: number[] = [];
    const failed = canary({ phase: "Failed", applied: "hash-2", at: -600 });
    const { run, seconds } = cluster(
      { 0: { ...READY_CANARY_OLD, canary: failed }, 27: analysing(0), 40: PROMOTED },
      { askForAnalysis: async () => asked.push(seconds()) > 2 },
    );
    expect(await run()).toMatchObject({ seconds: 40, tag: "v0.2.0" });
    expect(asked).toEqual([25.5, 26, 26.5]);
  });

  it("names a suspended Canary", async () => {
    const { message } = await failureOf({ 0: { ...READY_CANARY_OLD, canary: canary({ suspend: true }) } });
    expect(message).toContain("The Canary helloworld/helloworld is suspended");
  });

  it("ends with the canary's pods long before Flagger does", async () => {
    const scene = {
      ...analysing(0),
      target: rolledOut("helloworld", "v0.2.0", { ready: 0 }),
      pods: [pod({ container: waiting("ImagePullBackOff", "403 Forbidden") })],
    };
    const { message, seconds, link } = await failureOf({ 0: READY_CANARY_OLD, 5: scene });
    expect(link).toBe("Deployment");
    expect(message).toContain("refuses to give the image");
    expect(seconds).toBeLessThan(7);
  });
});

describe("git", () => {
  it("survives a server that is away for half a minute", async () => {
    const away = {
      ...BEFORE,
      source: gitRepository(OLD, {
        conditions: fetchFailed(
          "GitOperationFailed",
          'Get "http://git/": dial tcp 10.0.0.1:80: connect: connection refused',
        ),
      }),
    };
    expect((await cluster({ 0: BEFORE, 2: away, 32: OUT }).run()).seconds).toBe(32);
  });

  it("gives a server that stays away up, after a time that can be set", async () => {
    const away = {
      ...BEFORE,
      source: gitRepository(OLD, { conditions: fetchFailed("GitOperationFailed", "dial tcp: i/o timeout") }),
    };
    const { message, seconds } = await failureOf({ 0: away }, { patience: { gitAwaySeconds: 40 } });
    expect(message).toContain("does not answer");
    expect(seconds).toBe(40);
  });

  it("ends early when the server refuses the credentials again and again", async () => {
    const conditions = fetchFailed("GitOperationFailed", "authentication required: Invalid username or token");
    const refused = (count: number) => ({
      ...BEFORE,
      source: gitRepository(OLD, { conditions }),
      events: [
        fluxEvent("GitRepository", "flux-system", "GitOperationFailed", conditions[0]?.message ?? "", { count, at: 3 }),
      ],
    });
    const { message, seconds, link } = await failureOf({ 0: refused(1), 2: refused(2), 4: refused(3) });
    expect(link).toBe("GitRepository");
    expect(message).toContain("refuses Flux's credentials");
    expect(message).toContain("renew the secret git in flux-system");
    expect(seconds).toBe(4);
  });

  it("does not count what the server refused in an outage before", async () => {
    const conditions = fetchFailed("GitOperationFailed", "authentication required: Invalid username or token");
    const said = fluxEvent("GitRepository", "flux-system", "GitOperationFailed", conditions[0]?.message ?? "", {
      count: 9,
    });
    const refused: Scene = {
      ...BEFORE,
      source: gitRepository(OLD, { conditions }),
      events: [{ ...said, firstTimestamp: at(-3600) }],
    };
    expect((await cluster({ 0: refused, 20: OUT }).run()).seconds).toBe(20);
  });

  it.each([
    ["dial tcp: lookup git.example.com on 10.96.0.10:53: no such host", "finds no address", 30],
    ["x509: certificate signed by unknown authority", "doesn't trust the certificate", 120],
    ['couldn\'t find remote ref "refs/heads/main"', "The branch main is not in", 120],
  ])("%s", async (said, what, within) => {
    const scene = { ...BEFORE, source: gitRepository(OLD, { conditions: fetchFailed("GitOperationFailed", said) }) };
    const { message, seconds } = await failureOf({ 0: scene });
    expect(message).toContain(what);
    expect(seconds).toBeLessThanOrEqual(within);
  });

  it("says when another commit came instead", async () => {
    const other = "4444444444444444444444444444444444444444";
    const { message } = await failureOf({ 0: BEFORE, 5: { ...BEFORE, source: gitRepository(other) } });
    expect(message).toContain("Flux has fetched 4444444 and not 2222222");
  });

  it("says when there is no Flux", async () => {
    const { message } = await failureOf({ 0: {} });
    expect(message).toContain("There is no GitRepository flux-system/flux-system");
  });
});

describe("what is suspended", () => {
  it.each<[string, Scene, string]>([
    [
      "GitRepository",
      { ...BEFORE, source: gitRepository(OLD, { suspend: true }) },
      "flux -n flux-system resume source git flux-system",
    ],
    [
      "Kustomization",
      { ...FETCHED, kustomization: kustomization(OLD, { suspend: true }) },
      "resume kustomization flux-system",
    ],
    [
      "HelmRelease",
      { ...PACKAGED, release: helmRelease({ attemptedGeneration: 1, attempted: OLD, suspend: true }) },
      "resume helmrelease helloworld",
    ],
  ])("%s", async (kind, scene, next) => {
    const { message, seconds } = await failureOf({ 0: scene });
    expect(message).toContain(`The ${kind} `);
    expect(message).toContain("is suspended");
    expect(message).toContain(next);
    expect(seconds).toBe(0);
  });
});

describe("Kustomization", () => {
  it("names the file and the line of broken YAML", async () => {
    const said =
      "kustomize build failed: accumulating resources: accumulation err='accumulating resources from 'release.yaml': MalformedYAMLError: yaml: line 12: could not find expected ':' in File: release.yaml': must build at directory: '/tmp/kustomization-123/clusters/dev/release.yaml': file is not directory";
    const scene = {
      ...FETCHED,
      kustomization: kustomization(OLD, {
        attempted: NEW,
        conditions: [condition("Ready", "False", "BuildFailed", said)],
      }),
    };
    const { message, link, seconds } = await failureOf({ 0: BEFORE, 2: scene });
    expect(link).toBe("Kustomization");
    expect(message).toContain("kustomize build failed near clusters/dev/release.yaml:12");
    expect(seconds).toBe(2);
  });

  it("waits when only the commit before failed", async () => {
    const scene = {
      ...FETCHED,
      kustomization: kustomization(undefined, {
        attempted: OLD,
        conditions: [condition("Ready", "False", "BuildFailed", "kustomize build failed")],
      }),
    };
    expect((await cluster({ 0: scene, 20: OUT }).run()).seconds).toBe(20);
  });

  it("names what the API server refuses", async () => {
    const said =
      'HelmRelease/helloworld/helloworld dry-run failed (Invalid): HelmRelease.helm.toolkit.fluxcd.io "helloworld" is invalid: spec.interval: Invalid value: "soon"';
    const scene = {
      ...FETCHED,
      kustomization: kustomization(OLD, {
        attempted: NEW,
        conditions: [condition("Ready", "False", "ReconciliationFailed", said)],
      }),
    };
    const { message, seconds } = await failureOf({ 0: scene });
    expect(message).toContain("The API server refuses HelmRelease/helloworld/helloworld");
    expect(seconds).toBe(0);
  });

  it("goes on to the HelmRelease while the Kustomization waits for its health", async () => {
    const conditions = [
      condition("Ready", "Unknown", "Progressing", "Reconciliation in progress"),
      condition(
        "Reconciling",
        "True",
        "Progressing",
        `Running health checks for revision ${revision(NEW)} with a timeout of 5m0s`,
      ),
    ];
    expect(
      (await cluster({ 0: { ...OUT, kustomization: kustomization(OLD, { attempted: NEW, conditions }) } }).run())
        .seconds,
    ).toBe(0);
  });

  it("says when the commit brought another tag", async () => {
    const { message } = await failureOf({ 0: { ...OUT, release: helmRelease({ tag: "v0.3.0" }) } });
    expect(message).toContain("The commit 2222222 brought the tag v0.3.0, not v0.2.0");
  });
});

describe("Helm", () => {
  it("names what is wrong with the chart", async () => {
    const said = "invalid chart reference: stat /tmp/helmchart/appManifest: no such file or directory";
    const conditions = [
      condition("Ready", "False", "InvalidChartReference", said),
      condition("BuildFailed", "True", "InvalidChartReference", said),
    ];
    const { message, link } = await failureOf({ 0: { ...PACKAGED, chart: helmChart(OLD, { seen: NEW, conditions }) } });
    expect(link).toBe("HelmChart");
    expect(message).toContain("./appManifests can't be packaged (InvalidChartReference)");
  });

  it("doesn't blame the chart for the path of the commit before", async () => {
    const said = "invalid chart reference: stat /tmp/helmchart/appManifest: no such file or directory";
    const failed = helmChart(OLD, {
      seen: NEW,
      conditions: [
        condition("Ready", "False", "InvalidChartReference", said),
        condition("FetchFailed", "True", "InvalidChartReference", said),
      ],
    });
    const chart = { ...failed, spec: { ...failed.spec, chart: "./appManifest" } };
    expect((await cluster({ 0: { ...PACKAGED, chart }, 5: OUT }).run()).seconds).toBe(5);
  });

  it("lets Flux try again, and says why when it has given up", async () => {
    const why = `Helm upgrade failed for release helloworld/helloworld with chart helloworld@${chartVersion(NEW)}: timeout waiting for: [Deployment/helloworld/helloworld status: 'InProgress']`;
    const failing = helmRelease({
      failures: 1,
      upgradeFailures: 1,
      conditions: [
        condition("Ready", "False", "UpgradeFailed", why, { generation: 2 }),
        condition("Released", "False", "UpgradeFailed", why, { generation: 2 }),
      ],
    });
    const target = rolledOut("helloworld", "v0.1.0");
    const scene = { ...PACKAGED, target };
    const { message, seconds, link } = await failureOf({
      0: UPGRADING,
      10: { ...scene, release: failing },
      90: { ...scene, release: helmRelease({ conditions: givenUp(why) }) },
    });
    expect(link).toBe("HelmRelease");
    expect(seconds).toBe(90);
    expect(message).toContain("Flux has given up: Failed to upgrade after 2 attempt(s)");
    expect(message).toContain("Likely cause: Helm upgrade failed");
    expect(message).toContain("describe helmrelease helloworld");
  });

  it("doesn't take the retries that were exhausted with the version before for those of this one", async () => {
    const stalled = helmRelease({
      attemptedGeneration: 1,
      attempted: OLD,
      conditions: givenUp("before").map((one) => ({ ...one, observedGeneration: 1 })),
    });
    expect((await cluster({ 0: { ...PACKAGED, release: stalled }, 12: OUT }).run()).seconds).toBe(12);
    // A commit that changes nothing but the chart leaves the generation as it is.
    const sameGeneration = helmRelease({ attempted: OLD, conditions: givenUp("before") });
    expect((await cluster({ 0: { ...PACKAGED, release: sameGeneration }, 12: OUT }).run()).seconds).toBe(12);
  });

  it("notices a controller that broke down in the middle", async () => {
    const said = "Helm release helloworld/helloworld.v2 with chart helloworld@0.1.0 is awaiting tests";
    const conditions = [
      condition("Ready", "Unknown", "AwaitingTests", said, { generation: 2 }),
      condition("Released", "True", "UpgradeSucceeded", "Helm upgrade succeeded", { generation: 2 }),
    ];
    const { message, seconds } = await failureOf({ 0: { ...OUT, release: helmRelease({ conditions }) } });
    expect(message).toContain("helm-controller has left the release unfinished");
    expect(message).toContain("logs deployment/helm-controller");
    expect(seconds).toBe(30);
  });

  it("shows the pod of a test that failed", async () => {
    const why = `Helm test failed for release helloworld/helloworld.v2 with chart helloworld@${chartVersion(NEW)}: [Pod/helloworld/helloworld-test status: 'Failed']`;
    const conditions = ["Ready", "TestSuccess"].map((type) =>
      condition(type, "False", "TestFailed", why, { generation: 2 }),
    );
    const test = pod({
      name: "helloworld-test",
      phase: "Failed",
      container: { state: { terminated: exited(1) } },
      spec: { restartPolicy: "Never" },
      metadata: { annotations: { "helm.sh/hook": "test" } },
    });
    const events = [
      fluxEvent(
        "HelmRelease",
        "helloworld",
        "UpgradeFailed",
        `Helm upgrade failed with chart helloworld@${chartVersion(OLD)}`,
      ),
      fluxEvent("HelmRelease", "helloworld", "TestFailed", `${why} Last Helm logs: much`),
    ];
    const release = helmRelease({ conditions, failures: 1, upgradeFailures: 1 });
    const { message, seconds } = await failureOf({
      0: { ...OUT, release, pods: [test], events, log: "no success (500)" },
    });
    expect(seconds).toBe(0);
    expect(message).toContain("Helm test failed");
    expect(message).toContain("no success (500)");
    expect(message).not.toContain(chartVersion(OLD));
    expect(message).not.toContain("much");
  });

  it("ends at once where trying again can't help", async () => {
    const why =
      "Helm upgrade failed for release helloworld/helloworld with chart helloworld@0.1.0: values don't meet the specifications of the schema(s) in the following chart(s): helloworld: - replicaCount: must be >= 1";
    const release = helmRelease({
      failures: 1,
      conditions: [
        condition("Ready", "False", "UpgradeFailed", why, { generation: 2 }),
        condition("Released", "False", "UpgradeFailed", why, { generation: 2 }),
      ],
    });
    const { message, seconds } = await failureOf({ 0: { ...PACKAGED, release } });
    expect(message).toContain("replicaCount: must be >= 1");
    expect(seconds).toBe(0);
  });

  it("ends with the pods while Helm is still waiting", async () => {
    const scene = {
      ...UPGRADING,
      pods: [
        readyPod("helloworld-old-1", "set-old"),
        pod({ container: waiting("ImagePullBackOff", "ghcr.io/damekarv/helloworld:v0.2.0: not found") }),
      ],
      events: [event("Failed", 'Failed to pull image "ghcr.io/damekarv/helloworld:v0.2.0": not found')],
    };
    const { message, seconds, link } = await failureOf({ 0: PACKAGED, 4: scene });
    expect(link).toBe("Deployment");
    expect(message).toContain("The image ghcr.io/damekarv/helloworld:v0.2.0 does not exist");
    expect(message).toContain("HelmRelease helloworld/helloworld: Running 'upgrade' action");
    expect(seconds).toBe(4);
  });

  it("ends with the pods while Helm still releases the new values with the chart of before", async () => {
    const scene = {
      ...PACKAGED,
      release: helmRelease({ attempted: OLD, conditions: upgrading() }),
      target: rolledOut("helloworld", "v0.2.0", { ready: 0 }),
      pods: [pod({ container: waiting("ErrImagePull", "not found") })],
    };
    const { seconds, link } = await failureOf({ 0: PACKAGED, 4: scene });
    expect(link).toBe("Deployment");
    expect(seconds).toBe(4);
  });

  describe("where the tag that is to come out runs already, and crashes", () => {
    const pods = [pod({ phase: "Running", container: crashLoop(1, 3) })];
    const crashing = (env?: string) => ({ target: rolledOut("helloworld", "v0.2.0", { ready: 0, env }), pods });
    const running: Scene = { ...BEFORE, release: helmRelease({ generation: 1, attempted: OLD }), ...crashing() };
    const applied: Scene = { ...APPLIED, ...crashing() };
    const trying: Scene = { ...UPGRADING, ...crashing() };
    const mended: Scene = { ...OUT, target: rolledOut("helloworld", "v0.2.0", { env: "mended" }) };

    it("leaves the pods from before the commit aside until Helm has changed what they are made of", async () => {
      const { run } = cluster({ 0: running, 2: applied, 5: { ...PACKAGED, ...crashing() }, 6: trying, 7: mended });
      expect((await run()).seconds).toBe(7);
      expect((await cluster({ 0: applied, 6: trying, 7: mended }).run()).seconds).toBe(7);
    });

    it("ends with those that the commit has made, as soon as they crash too", async () => {
      const { link, seconds } = await failureOf({
        0: running,
        2: applied,
        6: { ...UPGRADING, ...crashing("no help") },
      });
      expect([link, seconds]).toEqual(["Deployment", 6]);
      const withOldChart = { ...applied, ...crashing("no help") };
      expect((await failureOf({ 0: running, 2: applied, 4: withOldChart })).seconds).toBe(4);
    });

    it("ends with those from before where they are the commit's after all: Helm is through and has left them", async () => {
      const { link, seconds } = await failureOf({ 0: running, 2: applied, 6: { ...OUT, ...crashing() } });
      expect([link, seconds]).toEqual(["Deployment", 6]);
    });

    it("ends at once where Helm had tried the commit before", async () => {
      const { link, seconds } = await failureOf({ 0: trying });
      expect([link, seconds]).toEqual(["Deployment", 0]);
    });
  });

  it("says what it waited for when the time is over", async () => {
    const { message, seconds } = await failureOf({ 0: UPGRADING }, { timeoutSeconds: 20 });
    expect(message).toContain(
      "not out after 20 s; it waits for HelmRelease helloworld/helloworld: Running 'upgrade' action",
    );
    expect(message).toContain("Next: kubectl -n helloworld describe helmrelease helloworld");
    expect(message).toContain("\nTo wait longer: --timeout with more than 20 seconds\n");
    expect(seconds).toBe(20);
  });
});
