import { type CanaryView, judgeCanary } from "./canaryLink.js";
import { defaultReleasePatience } from "./fluxLinks.js";
import type { Canary } from "./fluxObjects.js";
import type { ReleaseApi } from "./releaseChain.js";
import type { V1Deployment } from "./rollout.js";
import { lookAtRollout, RolloutFailure } from "./rollout.js";
import { type Log, realClock } from "./steps.js";

/** Which Canary, and how long to wait for it. */
export interface CanaryOptions {
  readonly namespace: string;
  /** The name of the Canary and of the Deployment that it judges. */
  readonly name: string;
  /** The tag that was released; any when not given. */
  readonly tag: string | undefined;
  /** When that was, in milliseconds. */
  readonly released: number;
  readonly timeoutSeconds: number;
  readonly log: Log;
}

const POLL_MILLISECONDS = 500;

/**
 * Waits until Flagger has brought out what Helm has just released.
 *
 * @throws RolloutFailure as soon as the new version's pods can't come good or Flagger has given it up, saying why, and
 *   after `timeoutSeconds`
 */
export async function waitForCanary(api: ReleaseApi, options: CanaryOptions): Promise<void> {
  const { namespace, name, timeoutSeconds, log } = options;
  const end = realClock.now() + timeoutSeconds * 1000;
  let last = { text: "", state: "", since: realClock.now() };
  for (; ; await realClock.sleep(POLL_MILLISECONDS)) {
    const { canary, view, state } = await look(api, options);
    const now = realClock.now();
    const since = state === last.state ? last.since : now;
    const { arrived, text, trouble } = canary
      ? judgeCanary(canary, { ...view, unchangedSeconds: (now - since) / 1000 })
      : { arrived: false, text: "is not there yet", trouble: undefined };
    if (text !== last.text) log(`Canary ${namespace}/${name}: ${text}`);
    last = { text, state, since };
    if (arrived) return;
    if (trouble?.bearableSeconds === 0)
      throw new RolloutFailure(
        [trouble.what, `Likely cause: ${trouble.cause}`, `Next: ${trouble.next}`, ...(trouble.evidence ?? [])].join(
          "\n",
        ),
      );
    await lookAtRollout(api, { namespace, deployment: name });
    if (now >= end)
      throw new RolloutFailure(
        `Canary ${namespace}/${name} is not out after ${timeoutSeconds} s: ${text}\nNext: kubectl -n ${namespace} describe canary ${name}`,
      );
  }
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
