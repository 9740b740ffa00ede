import { type CanaryView, isPassedOver, judgeCanary } from "./canaryLink.js";
import { defaultReleasePatience, type Trouble, withPods } from "./fluxLinks.js";
import type { Canary } from "./fluxObjects.js";
import { AnalysedPods } from "./podEvidence.js";
import type { ReleaseApi } from "./releaseChain.js";
import type { V1Deployment } from "./rollout.js";
import { lookAtRollout, pollUntil, RolloutFailure } from "./rollout.js";
import { type Clock, type Log, realClock } from "./steps.js";
import { toWaitLonger } from "./timeout.js";

/** Which Canary, and how long to wait for it. */
export interface CanaryOptions {
  readonly namespace: string;
  /** The name of the Canary and of the Deployment that it judges. */
  readonly name: string;
  /** The tag that was released; any when not given. */
  readonly tag: string | undefined;
  /** When that was, in milliseconds. */
  readonly released: number;
  /** Asks Flagger for an analysis that it would not make by itself; until that is settled. */
  readonly askForAnalysis?: (canary: Canary) => Promise<boolean>;
  readonly timeoutSeconds: number;
  readonly log: Log;
  readonly clock?: Clock;
}

/**
 * Waits until Flagger has brought out what Helm has just released. Bears an API server that does not answer for a moment.
 *
 * @throws RolloutFailure as soon as the new version's pods can't come good or Flagger has given it up, saying why, and
 *   after `timeoutSeconds`
 */
export async function waitForCanary(api: ReleaseApi, options: CanaryOptions): Promise<void> {
  const { namespace, name, timeoutSeconds, log, clock = realClock } = options;
  let ask = options.askForAnalysis;
  const since = clock.now();
  const end = since + timeoutSeconds * 1000;
  let last = { text: "", state: "", since };
  const pods = new AnalysedPods();
  let worry: { readonly what: string; readonly since: number } | undefined;
  const poll = async () => {
    const { canary, view, state } = await look(api, options);
    if (canary) await pods.look(api, canary, view.target);
    const now = clock.now();
    const unchangedSince = state === last.state ? last.since : now;
    const seen = { ...view, unchangedSeconds: (now - unchangedSince) / 1000 };
    if (ask && canary && isPassedOver(canary, seen)) {
      if (await ask(canary)) ask = undefined;
      return undefined;
    }
    const { arrived, text, trouble } = canary
      ? judgeCanary(canary, seen)
      : { arrived: false, text: "is not there yet", trouble: undefined };
    if (text !== last.text) log(`Canary ${namespace}/${name}: ${text}`);
    last = { text, state, since: unchangedSince };
    if (arrived) return (await lookAtRollout(api, { ...primaryOf(options), since })).result && true;
    if (trouble?.what !== worry?.what) worry = trouble && { what: trouble.what, since: now };
    if (trouble && worry && now - worry.since >= trouble.bearableSeconds * 1000)
      throw failure(withPods(trouble, pods.evidence()));
    pods.note((await lookAtRollout(api, { namespace, deployment: name, since, clock })).unready);
    return undefined;
  };
  const timeout = () =>
    new RolloutFailure(
      [
        `Canary ${namespace}/${name} is not out after ${timeoutSeconds} s: ${last.text}`,
        `Next: kubectl -n ${namespace} describe canary ${name}`,
        toWaitLonger(timeoutSeconds),
      ].join("\n"),
    );
  await pollUntil(poll, { clock, say: log, isLate: () => clock.now() >= end, timeout });
}

/** Users get the new version alone when the pods of the one before have ended. */
const primaryOf = ({ namespace, name, clock = realClock }: CanaryOptions) => ({
  ...{ namespace, deployment: `${name}-primary`, untilOldPodsAreGone: true, clock },
});

function failure({ what, cause, next, evidence = [] }: Trouble): RolloutFailure {
  return new RolloutFailure([what, `Likely cause: ${cause}`, `Next: ${next}`, ...evidence].join("\n"));
}

async function look(api: ReleaseApi, { namespace, name, tag, released }: CanaryOptions) {
  const find = async <T>(apiVersion: string, kind: string, called: string) =>
    (await api.findObject({ apiVersion, kind, namespace, name: called })) as T | undefined;
  const [canary, target, primary, events] = await Promise.all([
    find<Canary>("flagger.app/v1beta1", "Canary", name),
    find<V1Deployment>("apps/v1", "Deployment", name),
    find<V1Deployment>("apps/v1", "Deployment", `${name}-primary`),
    api.listEvents(namespace),
  ]);
  const { phase, lastAppliedSpec, lastPromotedSpec } = canary?.status ?? {};
  const view: Omit<CanaryView, "unchangedSeconds"> = {
    ...{ namespace, name, tag, released, target, primary, events },
    patience: defaultReleasePatience,
  };
  return { canary, view, state: [phase, lastAppliedSpec, lastPromotedSpec, target?.metadata?.generation].join() };
}
