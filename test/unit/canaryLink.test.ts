// Flagger's own words (pkg/controller/scheduler*.go of v1.44.0) as causes.
import { describe, expect, it } from "vitest";
import { haltsOf, isPassedOver, judgeCanary } from "../../pipeline/src/canaryLink.js";
import { defaultReleasePatience } from "../../pipeline/src/fluxLinks.js";
import { canary, fluxEvent, rolledOut } from "../fixtures/flux.js";
import { at, NAMESPACE } from "../fixtures/kubernetes.js";

const wordsOf = (message: string, options: { at?: number; count?: number } = {}) =>
  fluxEvent("Canary", "helloworld", "Synced", message, options);

it.each([
  ["Halt helloworld.helloworld advancement success-rate 0.00 < 99", "success-rate was 0.00 and must be at least 99"],
  ["Halt helloworld.helloworld advancement latency-p99 4.95 > 0.5", "latency-p99 was 4.95 and must be at most 0.5"],
  [
    "Halt helloworld.helloworld advancement success rate 12.50% < 99%",
    "success rate was 12.50% and must be at least 99%",
  ],
  [
    "Halt helloworld.helloworld advancement request duration 1.2s > 500ms",
    "request duration was 1.2s and must be at most 500ms",
  ],
  ["Halt helloworld.helloworld advancement success-rate NaN < 99", "success-rate was NaN and must be at least 99"],
  [
    "Halt advancement no values found for custom metric: success-rate: no values found",
    "success-rate has no values: the canary got no traffic, or Prometheus has not scraped it",
  ],
  [
    "Halt helloworld.helloworld advancement pre-rollout check warm-up failed command curl failed: exit status 22",
    "the pre-rollout check warm-up failed: command curl failed: exit status 22",
  ],
  [
    "Halt helloworld.helloworld advancement external check load failed unexpected status code: 500",
    "the external check load failed: unexpected status code: 500",
  ],
  [
    "canary deployment helloworld.helloworld not ready: waiting for rollout to finish: 0 of 1 (readyThreshold 100%) updated replicas are available",
    "the canary's pods did not get ready: waiting for rollout to finish: 0 of 1 (readyThreshold 100%) updated replicas are available",
  ],
  ["New revision detected! Scaling up helloworld.helloworld", undefined],
])("%s", (message, text) => {
  expect(haltsOf("helloworld", [wordsOf(message)], 0).map((halt) => halt.text)).toEqual(text ? [text] : []);
});

it("counts each cause, and takes its last value", () => {
  const events = [
    wordsOf("Halt a.b advancement success-rate 50.00 < 99", { at: 10, count: 2 }),
    wordsOf("Halt a.b advancement success-rate 0.00 < 99", { at: 20 }),
    wordsOf("Halt a.b advancement success-rate 1.00 < 99", { at: -50 }),
  ];
  const since = at(0).getTime();
  expect(haltsOf("helloworld", events, since)).toEqual([
    { text: "success-rate was 0.00 and must be at least 99", count: 3 },
  ]);
});

it("counts once what came in another analysis too: its event's count is of its whole life", () => {
  const halt = wordsOf("Halt a.b advancement success-rate 0.00 < 99", { at: 20, count: 7 });
  const countOf = (first: number) =>
    haltsOf("helloworld", [{ ...halt, firstTimestamp: at(first) }], at(0).getTime())[0]?.count;
  expect([countOf(-600), countOf(0), countOf(5)]).toEqual([1, 7, 7]);
});

it("tells the thresholds of an analysis, and the value once a check has failed", () => {
  const textOf = (failedChecks: number) => {
    const said = wordsOf("Halt helloworld.helloworld advancement success-rate 50.00 < 99");
    const view = {
      ...{ namespace: NAMESPACE, name: "helloworld", events: failedChecks > 0 ? [said] : [], tag: "v0.2.0" },
      ...{ patience: defaultReleasePatience, target: undefined, primary: undefined, released: 0, unchangedSeconds: 0 },
    };
    return judgeCanary(canary({ phase: "Progressing", applied: "hash-2", iterations: 2, failedChecks }), view).text;
  };
  expect(textOf(0)).toBe("analysis 2 of 5 (success-rate ≥ 99, latency-p99 ≤ 0.5)");
  expect(textOf(1)).toBe("analysis 2 of 5, 1 of 3 failed checks: success-rate was 50.00 and must be at least 99");
});

describe("a version that serves and is not ready", () => {
  const said =
    "helloworld-primary.helloworld not ready: waiting for rollout to finish: 0 of 2 (readyThreshold 100%) updated replicas are available";
  /** v0.2.0 serves, and this tag is wanted. */
  const viewOf = (tag: string, ready: number) => ({
    ...{ namespace: NAMESPACE, name: "helloworld", events: [wordsOf(said)], tag, released: at(0).getTime() },
    ...{ patience: defaultReleasePatience, unchangedSeconds: 60 },
    target: rolledOut("helloworld", tag, { replicas: 0 }),
    primary: rolledOut("helloworld-primary", "v0.2.0", { ready }),
  });
  const judged = (ready: number, options: Parameters<typeof canary>[0] = {}, skipAnalysis = false) => {
    const view = viewOf("v0.1.0", ready);
    const seen = canary(options);
    const asked = { ...seen, spec: { ...seen.spec, skipAnalysis } };
    return { ...judgeCanary(asked, view), isPassedOver: isPassedOver(asked, view) };
  };

  it("lets no way back through: that is told, with the way past it, and no analysis is asked for", () => {
    const { text, trouble, isPassedOver } = judged(0);
    expect(text).toBe("waits for helloworld-primary, which serves and is not ready");
    expect(trouble).toMatchObject({
      what: expect.stringMatching(/^No pods of the version that serves are ready .*brings nothing out past them$/),
      cause: expect.stringMatching(
        /^the pods of the version that serves are not ready: waiting for rollout to finish: 0 of 2/,
      ),
      next: expect.stringMatching(/deployment helloworld-primary; .*skipAnalysis: true/),
      bearableSeconds: 120,
      holdsAnyTag: true,
    });
    expect(isPassedOver).toBe(false);
  });

  it("is waited for while some of its pods serve, as more are made", () => {
    const { trouble } = judged(1);
    expect(trouble?.what).toMatch(/^Not all pods/);
    expect(trouble?.bearableSeconds).toBe(Number.POSITIVE_INFINITY);
  });

  it("is no matter of a release while there is none to bring out, as when the autoscaler makes more pods", () => {
    const view = viewOf("v0.2.0", 1);
    expect(judgeCanary(canary(), { ...view, unchangedSeconds: 5 }).trouble).toBeUndefined();
    expect(isPassedOver(canary(), view)).toBe(false);
  });

  it("stops nothing where no analysis is to be made, nor while it is being replaced", () => {
    expect(judged(0, {}, true).isPassedOver).toBe(true);
    expect(judged(0, { phase: "Promoting", applied: "hash-2" }).text).toBe("Promoting");
  });

  it("is named as the cause, and not the way back, when Flagger has given up for it", () => {
    const { trouble } = judged(0, { phase: "Failed", applied: "hash-2", at: 60 });
    expect(trouble?.cause).toMatch(/^the pods of the version that serves are not ready/);
    expect(trouble?.next).toMatch(/skipAnalysis: true/);
    expect(trouble?.next).not.toContain("rollback");
  });
});

it.each([
  ["runAsUser", { securityContext: { runAsUser: 1 } }],
  ["nodeSelector", { nodeSelector: { disk: "ssd" } }],
  ["terminationGracePeriodSeconds", { terminationGracePeriodSeconds: 60 }],
])("new pods that differ in %s only are not out before Flagger has looked at them", (_, more) => {
  const target = rolledOut("helloworld", "v0.2.0", { replicas: 0 });
  const primary = rolledOut("helloworld-primary", "v0.2.0");
  const changed = structuredClone(target);
  Object.assign(changed.spec?.template.spec ?? {}, more);
  const arrived = (seen: typeof target) =>
    judgeCanary(canary({ applied: "hash-2", promoted: "hash-2" }), {
      ...{ namespace: NAMESPACE, name: "helloworld", events: [], tag: "v0.2.0", released: 0, unchangedSeconds: 0 },
      ...{ patience: defaultReleasePatience, target: seen, primary },
    }).arrived;
  expect([arrived(target), arrived(changed)]).toEqual([true, false]);
});
