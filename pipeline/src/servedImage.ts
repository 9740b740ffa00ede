import { hasFailed } from "./diagnosis.js";
import type { EnvironmentEntry } from "./environments.js";
import { imageTag } from "./fluxObjects.js";
import { selectorText } from "./labelSelector.js";
import { lookAtRelease, type ReleaseApi } from "./releaseChain.js";
import type { V1Pod } from "./rollout.js";
import { servingOf } from "./status.js";

/** What passed, as the registry has it. */
export interface Tested {
  readonly environment: EnvironmentEntry;
  readonly tag: string;
  /** The digest that the registry has for the tag. */
  readonly digest: string;
  /** Whether the registry has the same image under another digest: a node that has both names them by one of them. */
  readonly isSame: (other: string) => Promise<boolean>;
}

/**
 * Sees that the pods which serve a tag run the image that the registry has under it: one that was replaced under its tag is not pulled
 * again by pods that run already, and was not tested.
 *
 * @throws Error with both digests
 */
export async function requireServedImage(api: ReleaseApi, { environment, tag, digest, isSame }: Tested): Promise<void> {
  const others: string[] = [];
  for (const served of await servedDigests(api, environment, tag))
    if (served !== digest && !(await isSame(served).catch(() => false))) others.push(served);
  if (others.length === 0) return;
  throw new Error(
    `${environment.name} runs ${tag} as ${others.join(" and ")}, and the registry has ${digest} now: the image was replaced under its tag, and what is ` +
      "there now was not tested. prod's release file was not changed. Next: release it under a tag of its own, and bring that one.",
  );
}

/** The digests of a tag's image that run; none of pods whose node got the image otherwise than from a registry. */
async function servedDigests(api: ReleaseApi, environment: EnvironmentEntry, tag: string): Promise<string[]> {
  const { namespace } = environment;
  const serving = servingOf((await lookAtRelease(api, environment)).objects);
  const selector = selectorText(serving?.spec?.selector);
  if (!selector) return [];
  const pods = (await api.listPods(namespace, selector)).filter(
    (pod) => !pod.metadata?.deletionTimestamp && !hasFailed(pod),
  );
  return [...new Set(pods.flatMap((pod) => digestIn(pod, tag) ?? []))];
}

function digestIn({ spec, status }: V1Pod, tag: string): string | undefined {
  const [container] = spec?.containers ?? [];
  if (!container || imageTag(container.image) !== tag) return undefined;
  const found = status?.containerStatuses?.find(({ name }) => name === container.name);
  // A node that was given the image otherwise (kind load) may name it by that.
  const [repository, digest] = (found?.imageID ?? "").split("@");
  if (!container.image?.startsWith(`${repository}:`)) return undefined;
  return digest && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
}
