// Waiting for Flagger's judgement of what Helm has released, without Flux.
import { describe, expect, it } from "vitest";
import { type CanaryOptions, waitForCanary } from "../../pipeline/src/canaryRollout.js";
import { ClusterError } from "../../pipeline/src/clusterErrors.js";
import { askForAnalysis } from "../../pipeline/src/flagger.js";
import type { Cluster } from "../../pipeline/src/kubernetes.js";
import { RolloutFailure } from "../../pipeline/src/rollout.js";
import { canary, clusterOf, fluxEvent, rolledOut, type Scene } from "../fixtures/flux.js";
import { at, NAMESPACE, NEVER_READY, readyPod } from "../fixtures/kubernetes.js";

const ANALYSED: Scene = {
  target: rolledOut("helloworld", "v0.2.0"),
  primary: rolledOut("helloworld-primary", "v0.1.0"),
  canary: canary({ phase: "Progressing", applied: "hash-2", at: 1 }),
};
const OUT: Scene = {
  target: rolledOut("helloworld", "v0.2.0", { replicas: 0 }),
  primary: rolledOut("helloworld-primary", "v0.2.0"),
  canary: canary({ applied: "hash-2", promoted: "hash-2", at: 20 }),
};
const AWAY: Scene = { error: new ClusterError("unreachable", "the API server does not answer", true) };

/** A cluster that shows each scene from its second on. */
function waitOn(scenes: Record<number, Scene>, more: Partial<CanaryOptions> = {}) {
  let seconds = 0;
  const lines: string[] = [];
  const scene = () => {
    const begun = Object.keys(scenes)
      .map(Number)
      .filter((second) => second <= seconds);
    return scenes[Math.max(...begun)] ?? {};
  };
  const options: CanaryOptions = {
    ...{ namespace: NAMESPACE, name: "helloworld", tag: "v0.2.0", released: at(0).getTime(), timeoutSeconds: 60 },
    log: (line) => lines.push(line),
    clock: {
      now: () => at(seconds).getTime(),
      sleep: async (milliseconds) => {
        seconds += milliseconds / 1000;
      },
    },
    ...more,
  };
  return { waited: () => waitForCanary(clusterOf(scene), options), lines, seconds: () => seconds };
}

const failureOf = async (waited: () => Promise<void>) => {
  const error = await waited().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RolloutFailure);
  return (error as RolloutFailure).message;
};

describe("waitForCanary", () => {
  it("waits until the primary serves, and says each change once", async () => {
    const { waited, lines, seconds } = waitOn({ 0: { ...ANALYSED, canary: undefined }, 2: ANALYSED, 20: OUT });
    await waited();
    expect(seconds()).toBe(20);
    expect(lines).toEqual([
      "Canary helloworld/helloworld: is not there yet",
      "Canary helloworld/helloworld: analysis 0 of 5 (success-rate ≥ 99, latency-p99 ≤ 0.5)",
      "Canary helloworld/helloworld: Succeeded: the primary serves v0.2.0",
    ]);
  });

  it("waits until the primary has the version alone, and not until the pods that were analysed have ended", async () => {
    const promoted: Scene = {
      ...OUT,
      target: rolledOut("helloworld", "v0.2.0"),
      canary: canary({ phase: "Promoting", applied: "hash-2", at: 20 }),
    };
    const old = [readyPod("helloworld-primary-1", "set-before")];
    const { waited, seconds } = waitOn({ 0: ANALYSED, 20: { ...promoted, pods: old }, 26: promoted });
    await waited();
    expect(seconds()).toBe(26);
  });

  it.each([
    ["failed before", "Failed", "hash-2", "hash-1"],
    ["was taken back in the middle of its analysis", "Succeeded", "hash-2", "hash-2"],
  ])(
    "has Flagger analyse a version again that %s, once it has had the time to look",
    async (_, phase, applied, promoted) => {
      const asked: string[] = [];
      const passedOver: Scene = {
        ...ANALYSED,
        target: rolledOut("helloworld", "v0.2.0", { replicas: 0 }),
        canary: canary({ phase, applied, promoted, at: -100 }),
      };
      const { waited } = waitOn(
        { 0: passedOver, 150: ANALYSED, 170: OUT },
        {
          timeoutSeconds: 300,
          askForAnalysis: async ({ status }) => asked.push(`${status?.phase}`) > 0,
        },
      );
      const failed = await waited().catch((error: Error) => error);
      // One that Flagger goes on leaving alone is judged by the outcome that it has.
      expect(asked).toEqual([phase]);
      if (phase === "Failed") expect(String(failed)).toContain("Flagger's analysis of v0.2.0 failed");
      else expect(failed).toBeUndefined();
    },
  );

  it.each([
    ["the Canary changed meanwhile", new ClusterError("conflict", "the object has been modified"), 2],
    ["the API server was busy", new ClusterError("other", "Service Unavailable", true), 2],
    ["the cluster refuses it", new ClusterError("forbidden", "may not change the status"), 1],
  ])("asks Flagger again where %s, unless it is refused for good", async (_, error, times) => {
    let asked = 0;
    const patchStatus = async () => {
      asked += 1;
      if (asked === 1) throw error;
      return {};
    };
    const api = { patchStatus } as unknown as Cluster;
    const passedOver = { ...OUT, primary: ANALYSED.primary, canary: canary({ phase: "Failed", applied: "hash-2" }) };
    const { waited } = waitOn(
      { 0: passedOver, 26.5: ANALYSED, 40: OUT },
      { askForAnalysis: (one) => askForAnalysis(api, one, () => undefined) },
    );
    const failed = await waited().catch((caught: Error) => caught);
    expect(asked).toBe(times);
    // A failure that Flagger goes on showing is the outcome.
    if (times === 1) expect(String(failed)).toContain("Flagger's analysis of v0.2.0 failed");
    else expect(failed).toBeUndefined();
  });

  it("bears an API server that does not answer for a moment, and says so once each time", async () => {
    const { waited, lines } = waitOn({ 0: ANALYSED, 5: AWAY, 24: ANALYSED, 30: AWAY, 32: OUT });
    await waited();
    expect(lines.filter((line) => line.includes("trying again"))).toEqual(
      Array(2).fill("the cluster does not answer, trying again: the API server does not answer"),
    );
  });

  it("gives up on one that stays away", async () => {
    const { waited, seconds } = waitOn({ 0: ANALYSED, 5: AWAY });
    await expect(waited()).rejects.toBe(AWAY.error);
    expect(seconds()).toBe(24.5);
  });

  it("passes a refusal on at once", async () => {
    const error = new ClusterError("forbidden", "may not read Canary");
    const { waited, seconds } = waitOn({ 0: { error } });
    await expect(waited()).rejects.toBe(error);
    expect(seconds()).toBe(0);
  });

  it("ends with what Flagger found as soon as it has given the version up", async () => {
    const halt = "Halt helloworld.helloworld advancement success-rate 12.50 < 99";
    const failed: Scene = {
      ...ANALYSED,
      canary: canary({ phase: "Failed", applied: "hash-2", at: 30 }),
      events: [fluxEvent("Canary", "helloworld", "Synced", halt, { at: 25 })],
    };
    const { waited, seconds } = waitOn({ 0: ANALYSED, 30: failed });
    const message = await failureOf(waited);
    expect(message).toContain("Flagger's analysis of v0.2.0 failed; the primary goes on serving v0.1.0");
    expect(message).toContain("Likely cause: success-rate was 12.50 and must be at least 99");
    expect(message).toContain("Next: kubectl -n helloworld describe canary helloworld");
    expect(seconds()).toBe(30);
  });

  it("tells what its pods said that did not get ready, which Flagger has ended then", async () => {
    const target = rolledOut("helloworld", "v0.2.0", { ready: 0 });
    const failed: Scene = {
      ...OUT,
      primary: ANALYSED.primary,
      canary: canary({ phase: "Failed", applied: "hash-2", at: 20 }),
    };
    const message = await failureOf(waitOn({ 0: { ...ANALYSED, target, ...NEVER_READY }, 20: failed }).waited);
    expect(message).toContain("container app: running, not ready");
    expect(message).toContain("Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503");
  });

  it("ends early when the new version's pods can't come good, and says after how long", async () => {
    const target = rolledOut("helloworld", "v0.2.0", { ready: 0 });
    const message = await failureOf(waitOn({ 0: { ...ANALYSED, target, ...NEVER_READY } }).waited);
    expect(message).toMatch(/^Deployment helloworld\/helloworld can't come good \(given up after 31 s\)/);
  });

  it("ends after its time, with where it stands", async () => {
    const { waited, seconds } = waitOn({ 0: ANALYSED });
    expect(await failureOf(waited)).toMatch(
      /^Canary helloworld\/helloworld is not out after 60 s: analysis 0 of 5 .*\nNext: kubectl .*\nTo wait longer: --timeout with more than 60 seconds$/,
    );
    expect(seconds()).toBe(60);
  });

  it("ends when nothing serves and Flagger lets nothing past that", async () => {
    const down: Scene = {
      target: rolledOut("helloworld", "v0.2.0", { replicas: 0 }),
      primary: rolledOut("helloworld-primary", "v0.1.0", { ready: 0 }),
      canary: canary(),
    };
    const { waited, seconds } = waitOn({ 0: down }, { timeoutSeconds: 300 });
    expect(await failureOf(waited)).toMatch(
      /^No pods of the version that serves are ready.*Next: .*skipAnalysis: true/s,
    );
    expect(seconds()).toBe(120);
  });
});
