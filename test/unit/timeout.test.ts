// `--timeout`: what it may be, and that it reaches each wait. What a wait says at its limit is in the tests of each.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Directory, Secret } from "@dagger.io/dagger";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { waitForCanary } from "../../pipeline/src/canaryRollout.js";
import { startCluster } from "../../pipeline/src/cluster.js";
import { type Deployment, prepareNamespace, runHelmTests, uninstall } from "../../pipeline/src/deployment.js";
import { environment } from "../../pipeline/src/environments.js";
import { exec } from "../../pipeline/src/exec.js";
import { waitForFlux } from "../../pipeline/src/flux.js";
import { bringOut, followsGit, releaseTimeout } from "../../pipeline/src/gitopsRelease.js";
import { HelloworldInfrastructure } from "../../pipeline/src/index.js";
import { startPlatform } from "../../pipeline/src/platform.js";
import { releaseOf } from "../../pipeline/src/releaseFile.js";
import { waitForRollout } from "../../pipeline/src/rollout.js";
import { repository } from "../engine/daggerw.js";

const { anything, target, promotion, mocked } = vi.hoisted(() => {
  /** What is only handed on: whatever it is asked for is the like of it. */
  const anything: () => never = new Proxy(() => undefined, {
    get: (_, name) => (name === "then" ? undefined : anything),
    apply: () => anything,
  }) as never;
  const api = { findObject: async () => undefined, knowsKind: async () => true };
  const promotion = { tag: "v0.2.0", digest: "sha256:0", head: "abc", ahead: { commits: [] } };
  const mocked = (given: object) => async (original: () => Promise<object>) => ({ ...(await original()), ...given });
  return { anything, target: { kubeconfig: "", api }, promotion, mocked };
});

// What lies between a function and its waits.
vi.mock("@dagger.io/dagger", mocked({ dag: anything }));
vi.mock("../../pipeline/src/app.js", mocked({ sampleRegistry: anything }));
vi.mock("../../pipeline/src/chart.js", mocked({ helmContainer: anything, valuesOf: anything, lintChart: () => "" }));
vi.mock("../../pipeline/src/check.js", mocked({ CHECKS: [], checks: () => [] }));
vi.mock("../../pipeline/src/deployment.js", mocked({ targetOf: () => target, prepareNamespace: vi.fn() }));
vi.mock("../../pipeline/src/delivery.js", async (original) => {
  const remote = async () => ({ branch: "main" });
  const publishTag = async () => ({ sha: "abc", changed: true });
  return { ...(await original<object>()), remoteOf: remote, followedBy: remote, trunkOf: remote, publishTag };
});
vi.mock(
  "../../pipeline/src/evidence.js",
  mocked({ tagAfter: () => "v0.2.0", tagBefore: () => "v0.1.0", tagsOf: () => [] }),
);
vi.mock("../../pipeline/src/git.js", mocked({ cloneAhead: () => undefined }));
vi.mock("../../pipeline/src/gitHistory.js", mocked({ historyOf: () => ({ commits: [{ message: "" }] }) }));
vi.mock("../../pipeline/src/promotionProof.js", mocked({ proofOf: () => ({ ...promotion, source: tree }) }));
vi.mock("../../pipeline/src/registry.js", mocked({ requireTag: async () => "sha256:0" }));
vi.mock("../../pipeline/src/releaseChain.js", mocked({ lookAtRelease: () => ({ standings: [], objects: {} }) }));
vi.mock("../../pipeline/src/releaseFile.js", async (original) => {
  const imageRepository = async () => "ghcr.io/owner/name";
  return { ...(await original<object>()), releaseOf: vi.fn(), releasedTag: async () => "v0.1.0", imageRepository };
});
// And the waits themselves.
vi.mock("../../pipeline/src/canaryRollout.js", mocked({ waitForCanary: vi.fn() }));
vi.mock("../../pipeline/src/cluster.js", mocked({ startCluster: vi.fn() }));
vi.mock("../../pipeline/src/exec.js", mocked({ uncached: anything, exec: vi.fn() }));
vi.mock(
  "../../pipeline/src/gitopsRelease.js",
  mocked({ followsGit: vi.fn(), servedTag: vi.fn(), bringOut: vi.fn(), takeBack: vi.fn() }),
);
vi.mock("../../pipeline/src/platform.js", mocked({ startPlatform: vi.fn() }));
vi.mock("../../pipeline/src/rollout.js", mocked({ waitForRollout: vi.fn() }));

const tree = { file: () => ({ contents: async () => "version: 1.0.0" }) };
const source = tree as unknown as Directory;
const module = new HelloworldInfrastructure(source);
const secret = {} as Secret;
const none = undefined;
const kubeconfigOf = (env: string) => (env === "local" ? none : secret);
const ci = (timeout?: number, env = "dev") =>
  module.ci(env, "v0.2.0", kubeconfigOf(env), none, none, secret, none, none, none, none, timeout);
const deploy = (timeout?: number) => module.deploy("dev", "v0.2.0", secret, none, none, timeout);
const promote = (timeout?: number, env = "prod") =>
  module.promote(
    env,
    "v0.2.0",
    kubeconfigOf(env),
    ...[none, none, none],
    secret,
    ...[none, none, none, none, none],
    none,
    none,
    timeout,
  );
const rollback = (timeout?: number) => module.rollback("dev", secret, none, secret, none, none, none, none, timeout);
const testChart = (timeout?: number) => module.testChart(none, timeout);

/** Runs what ends at a wait, or at what the tests have nothing for. */
const toItsWait = (run: Promise<unknown>) => run.catch(() => undefined);
const limitOf = (wait: (...args: never[]) => unknown, argument = 1) =>
  (vi.mocked(wait).mock.calls[0]?.[argument] as { timeoutSeconds?: number } | undefined)?.timeoutSeconds;

beforeEach(() => {
  vi.clearAllMocks();
  vi.spyOn(console, "log").mockReturnValue();
  vi.mocked(bringOut).mockRejectedValue(new Error("the release was waited for"));
  vi.mocked(startPlatform).mockRejectedValue(new Error("the node was waited for"));
  vi.mocked(startCluster).mockResolvedValue({ ...target, lastWords: async () => "", stop: async () => {} } as never);
  vi.mocked(exec).mockResolvedValue({ code: 0, stdout: "", stderr: "" } as never);
  vi.mocked(releaseOf).mockResolvedValue({ tag: "v0.1.0", values: {} } as never);
  vi.mocked(followsGit).mockResolvedValue(true);
  vi.mocked(waitForRollout).mockResolvedValue({ seconds: 1, replicas: 1, images: [] });
});

const functions = { ci, deploy, promote, rollback, "test-chart": testChart };

describe.each(Object.entries(functions))("%s", (_, call) => {
  it.each([0, -5, 1.5, Number.NaN])("refuses --timeout %d, before anything starts", async (timeout) => {
    await expect(call(timeout)).rejects.toThrow(
      `--timeout ${timeout} is no limit: give whole seconds above 0, such as --timeout 600. Nothing was started.`,
    );
    for (const wait of [bringOut, startCluster, waitForRollout, exec]) expect(wait).not.toHaveBeenCalled();
  });
});

describe("a limit reaches", () => {
  it.each([
    ["ci", ci],
    ["promote", promote],
    ["rollback", rollback],
  ])("the release of %s", async (_, call) => {
    await toItsWait(call(42));
    expect(limitOf(bringOut, 0)).toBe(42);
    vi.mocked(bringOut).mockClear();
    await toItsWait(call());
    expect(limitOf(bringOut, 0)).toBe(300);
  });

  it.each([
    ["ci", ci],
    ["promote", promote],
  ])("the node and Flux of %s --env local", async (_, call) => {
    await toItsWait(call(42, "local"));
    expect(limitOf(startPlatform, 0)).toBe(42);
  });

  it.each([
    ["ci", ci],
    ["deploy", deploy],
    ["test-chart", testChart],
  ])("the rollout of %s where Helm deploys", async (_, call) => {
    vi.mocked(followsGit).mockResolvedValue(false);
    await toItsWait(call(42));
    expect(limitOf(waitForRollout)).toBe(42);
    vi.mocked(waitForRollout).mockClear();
    await toItsWait(call());
    expect(limitOf(waitForRollout)).toBe(300);
  });

  it("Flagger's judgement of what Helm has deployed", async () => {
    vi.mocked(releaseOf).mockResolvedValue({ tag: "v0.1.0", values: { canary: { enabled: true } } } as never);
    await deploy(42);
    await deploy();
    expect(vi.mocked(waitForCanary).mock.calls.map(([, { timeoutSeconds }]) => timeoutSeconds)).toEqual([42, 900]);
  });

  it("Flagger's judgement, which has the time of its steps where those are many", async () => {
    const canary = { enabled: true, provider: "gatewayapi:v1", interval: "60s", maxWeight: 50, stepWeight: 2 };
    vi.mocked(releaseOf).mockResolvedValue({ tag: "v0.1.0", values: { canary } } as never);
    await deploy();
    expect(vi.mocked(waitForCanary).mock.calls.map(([, { timeoutSeconds }]) => timeoutSeconds)).toEqual([2220]);
  });

  it("the node of test-chart", async () => {
    await toItsWait(testChart(42));
    expect(limitOf(startCluster, 0)).toBe(42);
  });

  it("helm test and uninstall", async () => {
    const deployment = {
      source,
      environment: environment("local"),
      target,
      log: () => undefined,
    } as unknown as Deployment;
    for (const of of [{ ...deployment, timeoutSeconds: 42 }, deployment]) {
      await runHelmTests(of);
      await uninstall(of);
    }
    const limits = vi.mocked(exec).mock.calls.map(([, args]) => args[args.indexOf("--timeout") + 1]);
    expect(limits).toEqual(["42s", "42s", "60s", "60s"]);
  });

  it("Flux's controllers, also as the time until they have a node", async () => {
    await waitForFlux(target.api as never, () => undefined, 42);
    await waitForFlux(target.api as never, () => undefined);
    const limits = vi
      .mocked(waitForRollout)
      .mock.calls.map(([, { timeoutSeconds, patience }]) => [timeoutSeconds, patience?.scheduledWithinSeconds]);
    expect(limits).toEqual([...Array(4).fill([42, 42]), ...Array(4).fill([120, 120])]);
  });

  it.each([
    ["dev", 490],
    ["prod", 960],
  ])("all of a release to %s, Flagger's part too, which makes it %d as --help says", async (env, seconds) => {
    const file = readFileSync(join(repository, environment(env).releaseFile), "utf8");
    vi.mocked(releaseOf).mockResolvedValue(parse(file).spec);
    expect(await releaseTimeout(source, environment(env))).toBe(seconds);
    expect(await releaseTimeout(source, environment(env), 42)).toBe(42);
  });
});

it("ci leaves the pull secret of the caller's own cluster alone, as it serves the sample application to its own node only", async () => {
  vi.mocked(followsGit).mockResolvedValue(false);
  await toItsWait(module.ci("local", "v0.2.0", secret));
  const given = vi.mocked(prepareNamespace).mock.calls.map(([, registry]) => (registry ? "a registry" : "none"));
  expect(given).toEqual(["none"]);
});
