import { hasFailed, isReady } from "./diagnosis.js";
import type { EnvironmentEntry } from "./environments.js";
import { mayComeGood, resumeCall, type Standing } from "./fluxLinks.js";
import {
  type Condition,
  conditionOf,
  durationSeconds,
  eventsAbout,
  imageTag,
  millisecondsOf,
  shortRevision,
  timeOf,
  wantedTag,
} from "./fluxObjects.js";
import { selectorText } from "./labelSelector.js";
import { lookAtRelease, type ReleaseApi, type Snapshot } from "./releaseChain.js";
import { cell, markdownTable } from "./report.js";
import type { CoreV1Event, V1Deployment, V1Pod } from "./rollout.js";
import { type Clock, realClock } from "./steps.js";

/** What `status` is asked about. */
export interface StatusQuestion {
  readonly environment: EnvironmentEntry;
  /** The tag in the environment's release file. */
  readonly tag: string;
  /** The branch that the environment follows, where it gets what is in git by `promote` only. */
  readonly promotedTo?: string;
  readonly clock?: Clock;
}

/** One line of the table. */
interface Row {
  readonly what: string;
  readonly state: string;
  /** When it came to be so, in milliseconds; 0 when that isn't known. */
  readonly since?: number;
  readonly detail: string;
}

/** Flux may look a little later than its interval says, in seconds. */
const OVERDUE_SECONDS = 120;

/** What to look at first, and how. */
interface Hint {
  readonly what: string;
  readonly next: string;
}

/**
 * How an environment stands, in one Markdown table: the tag in git and the one that serves, each link from git to the pods,
 * the last deploy, drift; and what to look at first when something is wrong. A cluster may lack Flux or Flagger.
 */
export async function statusOf(
  api: ReleaseApi,
  { environment, tag, promotedTo, clock = realClock }: StatusQuestion,
): Promise<string> {
  const { namespace, helmRelease } = environment;
  const [{ standings, objects }, hasFlux, hasFlagger] = await Promise.all([
    lookAtRelease(api, { namespace, helmRelease, clock }),
    hasKind(api, "helmreleases.helm.toolkit.fluxcd.io"),
    hasKind(api, "canaries.flagger.app"),
  ]);
  const pods = await podsOf(api, namespace, objects);
  const now = clock.now();
  const links = standings.filter(({ link }) => hasFlux || link === "Deployment" || link === "Canary");
  const rows: Row[] = [
    {
      what: "tag in git",
      state: tag,
      detail: `${environment.releaseFile}${promotedTo ? `; ${promotedTo} gets it by \`promote\`` : ""}`,
    },
    runningRow(objects),
    ...(hasFlux ? [] : [absent("Flux", "nothing follows git here: `deploy` brings a version out")]),
    ...links.map((standing) => linkRow(standing, objects)),
    ...(hasFlagger ? [] : [absent("Flagger", "a new version is not analysed before it serves")]),
    podsRow(pods),
    ...(hasFlux ? [deployRow(objects), driftRow(objects, now)] : []),
  ];
  const expected = (promotedTo && wantedTag(objects.release)) || tag;
  const hint = firstHint(expected, links, objects, pods, environment, now);
  const lines = rows.map(({ what, state, since, detail }) => [
    cell(what),
    cell(state),
    since ? ago(now - since) : "",
    cell(shorten(detail)),
  ]);
  return [
    `## ${environment.name}: ${hint ? "look at it" : "all is well"}`,
    "",
    ...markdownTable(["What", "State", "Since", "Detail"], lines),
    "",
    ...(hint ? [`**Look first at:** ${hint.what}`, "", `Next: ${hint.next}`, ""] : []),
  ].join("\n");
}

/** Whether the cluster knows a kind; one that may not be looked up is taken for there. */
async function hasKind(api: ReleaseApi, name: string): Promise<boolean> {
  const reference = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", name };
  try {
    return (await api.findObject(reference)) !== undefined;
  } catch (error) {
    if (error instanceof Error && "problem" in error && error.problem === "forbidden") return true;
    throw error;
  }
}

async function podsOf(api: ReleaseApi, namespace: string, { target, primary }: Snapshot): Promise<V1Pod[]> {
  const selectors = [target, primary]
    .map((deployment) => selectorText(deployment?.spec?.selector))
    .filter((selector) => selector !== "");
  const lists = await Promise.all(selectors.map((selector) => api.listPods(namespace, selector)));
  // A selector of labels that Flagger leaves alone takes in the pods of both.
  const pods = new Map(lists.flat().map((pod) => [pod.metadata?.uid, pod]));
  return [...pods.values()].filter(
    (pod) => !pod.metadata?.deletionTimestamp && pod.status?.phase !== "Succeeded" && !hasFailed(pod),
  );
}

// --- rows -------------------------------------------------------------------------------------------------------------

function absent(what: string, detail: string): Row {
  return { what, state: "not installed", detail };
}

function runningRow(objects: Snapshot): Row {
  const { canary, target, primary } = objects;
  const serving = servingOf(objects);
  if (!serving) return { what: "tag running", state: "none", detail: "there is no Deployment" };
  const other = canary && target && primary && tagOf(target) !== tagOf(primary) ? tagOf(target) : undefined;
  const detail = `Deployment ${serving.metadata?.name}${other ? `; ${other} is not promoted (${canary?.status?.phase})` : ""}`;
  return { what: "tag running", state: tagOf(serving) ?? "?", detail };
}

/** The tag that users get; none where nothing runs. */
export function servingTag(objects: Snapshot): string | undefined {
  const serving = servingOf(objects);
  return serving && tagOf(serving);
}

/** The Deployment that users reach: with Flagger it is the primary. */
export function servingOf({ canary, target, primary }: Snapshot): V1Deployment | undefined {
  return canary ? (primary ?? target) : target;
}

function linkRow(standing: Standing, objects: Snapshot): Row {
  const { link, name, text } = standing;
  const object = objectOf(standing, objects);
  const condition = conditionOf(object, link === "Canary" ? "Promoted" : "Ready");
  const since = millisecondsOf(condition?.lastTransitionTime);
  return { what: `${link} ${name}`, state: stateOf(standing, object), since, detail: text };
}

type Watched = { spec?: { suspend?: boolean }; status?: { conditions?: readonly Condition[] } } | undefined;

function objectOf({ link, name }: Standing, objects: Snapshot): Watched {
  const { source, kustomization, chartSource, chart, release, canary } = objects;
  if (link === "GitRepository")
    return name === `${source?.metadata?.namespace}/${source?.metadata?.name}` ? source : chartSource;
  const known = { Kustomization: kustomization, HelmChart: chart, HelmRelease: release, Canary: canary };
  return link === "Deployment" ? undefined : known[link];
}

function stateOf({ arrived, trouble }: Standing, object: Watched): string {
  if (object?.spec?.suspend) return "suspended";
  if (arrived) return "ready";
  return trouble && !mayComeGood(trouble) ? "**failed**" : "in progress";
}

function podsRow(pods: readonly V1Pod[]): Row {
  const ready = pods.filter(isReady).length;
  const restarts = pods
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
  return { what: "pods", state: `${ready} of ${pods.length} ready`, detail: `${restarts} restarts` };
}

function deployRow({ release }: Snapshot): Row {
  const [last, before] = release?.status?.history ?? [];
  if (!last) return { what: "last deploy", state: "none", detail: "Helm has released nothing yet" };
  const earlier = before ? `; before it ${before.chartVersion} (${before.status})` : "";
  return {
    what: "last deploy",
    state: last.status ?? "?",
    since: millisecondsOf(last.lastDeployed),
    detail: `revision ${last.version}, chart ${last.chartVersion}${earlier}`,
  };
}

function driftRow(objects: Snapshot, now: number): Row {
  const { driftDetection, interval } = objects.release?.spec ?? {};
  const mode = driftDetection?.mode;
  if (!mode || mode === "disabled")
    return { what: "drift", state: "not looked for", detail: "spec.driftDetection is off; `cluster-drift` looks" };
  const event = lastDrift(objects);
  if (!event)
    return { what: "drift", state: "none seen", detail: `Flux looks every ${interval}; \`cluster-drift\` looks now` };
  const state = isDrifted(objects, now) ? "**yes**" : event.reason === "DriftCorrected" ? "put back" : "none any more";
  return { what: "drift", state, since: timeOf(event), detail: event.message ?? "" };
}

/** What helm-controller said last of drift: it has no condition for it (internal/reconcile/atomic_release.go). */
function lastDrift({ release, events }: Snapshot): CoreV1Event | undefined {
  return (
    eventsAbout("HelmRelease", release?.metadata?.name ?? "", events)
      .filter(({ reason }) => reason?.startsWith("Drift"))
      // What was found and put back within a second has one time.
      .sort((a, b) => timeOf(b) - timeOf(a) || (a.reason === "DriftDetected" ? 1 : -1))[0]
  );
}

/** Whether what Flux has found is still there, as far as it has said: it says so again each time that it looks. */
function isDrifted(objects: Snapshot, now: number): boolean {
  const event = lastDrift(objects);
  if (!event || event.reason === "DriftCorrected") return false;
  const interval = durationSeconds(objects.release?.spec?.interval) ?? 600;
  return now - timeOf(event) < (interval + OVERDUE_SECONDS) * 1000;
}

// --- what is wrong ----------------------------------------------------------------------------------------------------

function firstHint(
  tag: string,
  standings: readonly Standing[],
  objects: Snapshot,
  pods: readonly V1Pod[],
  { name: environment, namespace }: EnvironmentEntry,
  now: number,
): Hint | undefined {
  const troubled = standings.find(({ trouble }) => trouble);
  if (troubled?.trouble) {
    const { what, cause, next } = troubled.trouble;
    // Who made the release says so by itself, or has taken the tag back; here git still has it.
    const isJudged = troubled.link === "Canary" && objects.canary?.status?.phase === "Failed";
    const back = `; then, so that git and cluster agree again: dagger call rollback --env ${environment} --git-token …`;
    return { what: `${troubled.link} ${troubled.name}: ${what}. ${cause}`, next: `${next}${isJudged ? back : ""}` };
  }
  const suspended = standings.find((standing) => objectOf(standing, objects)?.spec?.suspend);
  if (suspended) {
    const [where = "", name = ""] = suspended.name.split("/");
    return {
      what: `${suspended.link} ${suspended.name} is suspended: what changes in git does not arrive`,
      next: resumeCall(suspended.link, where, name),
    };
  }
  const open = standings.find(({ arrived }) => !arrived);
  if (open)
    return {
      what: `${open.link} ${open.name}, which is in progress: ${open.text}`,
      next: "the same call in a minute",
    };
  if (isDrifted(objects, now))
    return {
      what: `what was changed by hand: ${lastDrift(objects)?.message?.split("\n").slice(0, 3).join(" ")}`,
      next: `dagger call cluster-drift --env ${environment} shows each field; kubectl -n ${namespace} describe helmrelease ${objects.release?.metadata?.name}`,
    };
  const running = servingTag(objects);
  if (running !== tag) return otherTag(tag, running, objects);
  const idle = servingOf(objects);
  if (idle && !idle.status?.availableReplicas)
    return {
      what: `the Deployment ${idle.metadata?.name}, of which no pod is available: nothing serves`,
      next: `kubectl -n ${namespace} describe deployment ${idle.metadata?.name} (scaled to 0 by hand? kubectl -n ${namespace} scale --replicas=1 deployment ${idle.metadata?.name})`,
    };
  const unready = pods.find((pod) => !isReady(pod));
  if (!unready) return undefined;
  return {
    what: `the pod ${unready.metadata?.name}, which is not ready`,
    next: `kubectl -n ${namespace} describe pod ${unready.metadata?.name}`,
  };
}

/** The tag of the files here is not the one that runs: which of both is behind only git tells. */
function otherTag(tag: string, running: string | undefined, { source, release }: Snapshot): Hint {
  const revision = shortRevision(source?.status?.artifact?.revision);
  if (running && wantedTag(release) === running)
    return {
      what: `git says ${tag}, and ${running} runs, as Flux has it from ${revision}: the files here are behind, or their commit has not arrived there`,
      next: "git pull, and the same call; else git status and git push",
    };
  return {
    what: `git says ${tag}, and ${running ?? "nothing"} runs: the commit is not in the cluster, or not pushed`,
    next: "git status; git log -1 of the branch that it follows; then compare with the GitRepository's revision above",
  };
}

// --- words ------------------------------------------------------------------------------------------------------------

const LONGEST_DETAIL = 160;

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_DETAIL ? `${line.slice(0, LONGEST_DETAIL)} …` : line;
}

function tagOf(deployment: V1Deployment): string | undefined {
  return imageTag(deployment.spec?.template.spec?.containers[0]?.image);
}

/** `12 s`, `3 min`, `5 h`, `2 d`: what lies further back needs no more. */
function ago(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
