import { eventLines } from "./diagnosis.js";
import {
  branchOf,
  type Condition,
  commitOf,
  conditionOf,
  eventsAbout,
  type GitRepository,
  type HelmChart,
  type HelmRelease,
  hasCommit,
  holds,
  isPresent,
  type Kustomization,
  type Link,
  millisecondsOf,
  shortRevision,
  timeOf,
  wantedTag,
} from "./fluxObjects.js";
import type { CoreV1Event } from "./rollout.js";

/** How long to hope, in seconds or in tries. */
export interface ReleasePatience {
  /** For a git server that doesn't answer: it may be restarting. */
  readonly gitAwaySeconds: number;
  /** How often the same refusal (of a git server, of a chart) must come before it counts as final. */
  readonly refusals: number;
  /** For what another controller may be about to bring: an object, a CRD, a dependency. */
  readonly settledWithinSeconds: number;
  /** For the wanted commit, after Flux has fetched another one than before we waited. */
  readonly overtakenWithinSeconds: number;
}

/** For a cluster whose Flux asks its git server once a minute. */
export const defaultReleasePatience: ReleasePatience = {
  gitAwaySeconds: 120,
  refusals: 3,
  settledWithinSeconds: 30,
  overtakenWithinSeconds: 90,
};

/** Why a link doesn't hold, and how long that may be borne. */
export interface Trouble {
  /** What failed, in a sentence. */
  readonly what: string;
  readonly cause: string;
  /** The one command that shows or mends more. */
  readonly next: string;
  /** Events and the like. */
  readonly evidence?: readonly string[];
  /** How long it may last before it is final: 0 is at once, Infinity never. */
  readonly bearableSeconds: number;
  /** Any other tag would be held up by it too: to go further back is no way out. */
  readonly holdsAnyTag?: true;
  /** It is final too once it was seen so often. */
  readonly results?: { readonly seen: number; readonly enough: number };
}

/** Whether a trouble was seen so often that it is final, however long it may be borne. */
export const isSeenEnough = ({ results }: Trouble) => results !== undefined && results.seen >= results.enough;

/** What is borne for ever only waits, as for an approval, or is tried again. */
export const mayComeGood = (trouble: Trouble): boolean =>
  trouble.bearableSeconds === Number.POSITIVE_INFINITY && !isSeenEnough(trouble);

/** The trouble of a version with what its pods said. */
export const withPods = (trouble: Trouble, said: readonly string[]): Trouble => ({
  ...trouble,
  evidence: [...(trouble.evidence ?? []), ...said],
});

/** Where one link of the chain stands. */
export interface Standing {
  readonly link: Link;
  /** `<namespace>/<name>` */
  readonly name: string;
  /** One line for a log. */
  readonly text: string;
  /** Whether what was waited for is through this link. */
  readonly arrived: boolean;
  readonly trouble?: Trouble;
}

/** What a link is judged with. */
export interface View {
  readonly namespace: string;
  readonly name: string;
  readonly events: readonly CoreV1Event[];
  readonly patience: ReleasePatience;
}

// --- GitRepository ----------------------------------------------------------------------------------------------------

/** @param commit the commit that must have been fetched; any that is up to date when there is none */
export function judgeGitRepository(
  object: GitRepository | undefined,
  commit: string | undefined,
  view: View,
): Standing {
  const base = baseOf("GitRepository", view);
  if (!object) return missing(base, view, "Flux is not set up here, or the file that holds it was not applied yet");
  const revision = object.status?.artifact?.revision;
  const fetched = commit ? hasCommit(revision, commit) : holds(object, "Ready");
  if (fetched) return { ...base, arrived: true, text: `has ${shortRevision(revision)}${suspendedText(object)}` };
  if (object.spec?.suspend) return suspended(base, view);
  const failed = failureOf(object, ["FetchFailed", "StorageOperationFailed", "IncludeUnavailable"]);
  if (failed) {
    const text = `${failed.reason}: ${oneLine(failed.message)}`;
    return { ...base, arrived: false, text, trouble: gitTrouble(object, failed, view) };
  }
  const waiting = commit ? `waits for ${commit.slice(0, 7)}` : "is being fetched";
  return { ...base, arrived: false, text: `${waiting}, has ${shortRevision(revision)}` };
}

const NAME_UNKNOWN = /no such host|server misbehaving/i;
const UNTRUSTED = /x509:|certificate|tls: /i;
const AWAY =
  /connection refused|connection reset|i\/o timeout|deadline exceeded|no route to host|network is unreachable|unexpected EOF|\bEOF\b|\b(?:429|500|502|503|504)\b|TLS handshake timeout|server closed/i;
const AUTH =
  /authentication required|authorization failed|invalid credentials|invalid auth|unauthorized|permission denied|forbidden|\b(?:401|403)\b|unable to authenticate|repository not found/i;
const NO_REFERENCE =
  /couldn't find remote ref|reference not found|unable to resolve|git repository is empty|no match found/i;

function gitTrouble(object: GitRepository, failed: Condition, view: View): Trouble {
  const { gitAwaySeconds, refusals, settledWithinSeconds } = view.patience;
  const url = object.spec?.url ?? "its URL";
  // The address is not to be taken for a part of the answer.
  const said = oneLine(failed.message).replaceAll(url, "URL");
  const next = `kubectl -n ${view.namespace} describe gitrepository ${view.name}`;
  const final = {
    bearableSeconds: gitAwaySeconds,
    results: { seen: resultsSince(failed, "GitRepository", view), enough: refusals },
  };
  if (holds(object, "Stalled"))
    return { what: `Flux can't use the GitRepository of ${url}`, cause: said, next, bearableSeconds: 0 };
  if (failed.reason === "AuthenticationFailed" && /not found/.test(said)) {
    const secret = object.spec?.secretRef?.name ?? "of its secretRef";
    return {
      what: `The credentials for ${url} are missing`,
      cause: `the secret ${secret} does not exist in the namespace ${view.namespace}`,
      next: `kubectl -n ${view.namespace} get secret ${secret}`,
      bearableSeconds: settledWithinSeconds,
    };
  }
  // A server that can't be reached may say so in words of the other rules, so this comes first.
  if (NAME_UNKNOWN.test(said))
    return {
      what: `Flux finds no address for ${url}`,
      cause: said,
      next,
      ...final,
      bearableSeconds: settledWithinSeconds,
    };
  if (AWAY.test(said))
    return { what: `The git server of ${url} does not answer`, cause: said, next, bearableSeconds: gitAwaySeconds };
  if (UNTRUSTED.test(said))
    return { what: `Flux doesn't trust the certificate of ${url}`, cause: said, next, ...final };
  if (AUTH.test(said) || failed.reason === "AuthenticationFailed")
    return {
      what: `The git server refuses Flux's credentials for ${url}`,
      cause: `${said} (a token that expired or was revoked, or one that may not read this repository)`,
      next: `renew the secret ${object.spec?.secretRef?.name ?? "(the GitRepository names none: add spec.secretRef)"} in ${view.namespace}, then: flux -n ${view.namespace} reconcile source git ${view.name}`,
      ...final,
    };
  if (NO_REFERENCE.test(said))
    return {
      what: `The branch ${branchOf(object.spec?.ref) ?? "of spec.ref"} is not in ${url}`,
      cause: said,
      next,
      ...final,
    };
  return { what: `Flux can't fetch ${url}`, cause: said, next, bearableSeconds: gitAwaySeconds };
}

/** How often a controller has failed since a condition came to be: each try makes or counts up an event. */
function resultsSince(condition: Condition, link: Link, { name, events }: View): number {
  const since = millisecondsOf(condition.lastTransitionTime);
  return eventsAbout(link, name, events)
    .filter((event) => event.type === "Warning" && timeOf(event) >= since)
    .reduce((sum, event) => sum + countSince(since, event), 0);
}

/** How often an event has come since a moment, at least: its own count is of its whole life, which may have begun long before. */
export function countSince(
  since: number,
  { firstTimestamp, eventTime, metadata, series, count = 1 }: CoreV1Event,
): number {
  const began = firstTimestamp ?? eventTime ?? metadata.creationTimestamp;
  return began && millisecondsOf(began) < since ? 1 : (series?.count ?? count);
}

// --- Kustomization ----------------------------------------------------------------------------------------------------

/** @param revision the revision that must have been applied; undefined when it isn't known yet */
export function judgeKustomization(
  object: Kustomization | undefined,
  revision: string | undefined,
  view: View,
): Standing {
  const base = baseOf("Kustomization", view);
  if (!object) return missing(base, view, "Flux is not set up here");
  const { lastAppliedRevision: applied, lastAttemptedRevision: attempted } = object.status ?? {};
  const isWanted = (candidate: string | undefined) => revision !== undefined && sameRevision(candidate, revision);
  const ready = conditionOf(object, "Ready");
  if (isWanted(applied))
    return { ...base, arrived: true, text: `applied ${shortRevision(applied)}${suspendedText(object)}` };
  if (object.spec?.suspend) return suspended(base, view);
  const progress = conditionOf(object, "Reconciling")?.message;
  // Everything is applied by then; what is left is the health of what was applied, and that is for its own links to say.
  if (isWanted(attempted) && (ready?.reason === "HealthCheckFailed" || /health check/i.test(progress ?? "")))
    return { ...base, arrived: true, text: oneLine(progress ?? ready?.message) };
  if (ready?.status === "False" && isPresent(object, ready)) {
    const text = `${ready.reason}: ${oneLine(ready.message)}`;
    const isOurs = isWanted(attempted) || ready.reason === "ArtifactFailed" || ready.reason === "DependencyNotReady";
    if (!isOurs)
      return {
        ...base,
        arrived: false,
        text: `waits for ${shortRevision(revision)}; ${shortRevision(attempted)} failed`,
      };
    return { ...base, arrived: false, text, trouble: kustomizationTrouble(object, ready, view) };
  }
  const waiting = revision
    ? `waits for ${shortRevision(revision)}, has ${shortRevision(applied)}`
    : "waits for its source";
  return { ...base, arrived: false, text: isWanted(attempted) && progress ? oneLine(progress) : waiting };
}

/** Text by which the API server or kustomize says that trying again can't help. */
const INVALID =
  /\(Invalid\)|\(BadRequest\)|is invalid|unknown field|strict decoding|cannot unmarshal|unmarshal|immutable/i;

function kustomizationTrouble(object: Kustomization, ready: Condition, view: View): Trouble {
  const { settledWithinSeconds } = view.patience;
  const said = oneLine(ready.message).replace(/\/tmp\/kustomization-\d+/g, "");
  const path = (object.spec?.path ?? "").replace(/^\.?\//, "").replace(/\/$/, "");
  const next = `kubectl -n ${view.namespace} describe kustomization ${view.name}`;
  if (ready.reason === "BuildFailed") {
    const place = placeOf(said, path);
    return {
      // The YAML library names the line where the block begins that it can't read on.
      what: `kustomize build failed ${place ? `near ${place}` : `in ${path}`}`,
      cause: said,
      next: `correct ${place ?? path} and push; to see it here: kubectl kustomize ${path}`,
      bearableSeconds: 0,
    };
  }
  if (ready.reason === "ReconciliationFailed") {
    const [, subject] = /^([A-Z]\w+\/\S+) dry-run failed/.exec(said) ?? [];
    return {
      what: subject ? `The API server refuses ${subject}` : `Flux can't apply ${path}`,
      cause: said,
      next,
      bearableSeconds: INVALID.test(said) ? 0 : settledWithinSeconds,
    };
  }
  if (ready.reason === "DependencyNotReady")
    return {
      what: "It depends on something that is not ready",
      cause: said,
      next,
      bearableSeconds: Number.POSITIVE_INFINITY,
    };
  if (/path not found/.test(said))
    return {
      what: `There is no folder ${path} in the repository`,
      cause: said,
      next,
      bearableSeconds: settledWithinSeconds,
    };
  return {
    what: `The Kustomization failed (${ready.reason})`,
    cause: said,
    next,
    bearableSeconds: settledWithinSeconds,
  };
}

/** `clusters/dev/release.yaml:12`, as far as kustomize's error says where it is. */
export function placeOf(said: string, path: string): string | undefined {
  const file =
    /in File: (\S+\.ya?ml)/.exec(said)?.[1] ??
    /resources from '([^']+\.ya?ml)'/.exec(said)?.[1] ??
    /(?:from|decode Kubernetes YAML from) (\S+\.ya?ml)/.exec(said)?.[1] ??
    /([\w.-]+\.ya?ml)/.exec(said)?.[1];
  const line = /yaml: line (\d+)/.exec(said)?.[1] ?? /\bline (\d+)/.exec(said)?.[1];
  if (!file && !line) return undefined;
  const inPath = !file || file.includes("/") ? file?.replace(/^\//, "") : `${path}/${file}`;
  return `${inPath ?? path}${line ? `:${line}` : ""}`;
}

// --- HelmChart --------------------------------------------------------------------------------------------------------

/**
 * @param revision the revision of its source from which it must have been made; undefined where that can't be known
 * @param path the chart's folder as the HelmRelease names it
 */
export function judgeHelmChart(
  object: HelmChart | undefined,
  { revision, path }: { revision: string | undefined; path: string | undefined },
  view: View,
): Standing {
  const base = baseOf("HelmChart", view);
  if (!object) return { ...base, arrived: false, text: "is not there yet" };
  if (object.spec?.chart !== path)
    return { ...base, arrived: false, text: `has the path ${object.spec?.chart}, waits for ${path}` };
  const seen = object.status?.observedSourceArtifactRevision;
  const isNew = revision === undefined || sameRevision(seen, revision);
  if (isNew && holds(object, "Ready"))
    return { ...base, arrived: true, text: `packaged ${object.status?.artifact?.revision}${suspendedText(object)}` };
  if (object.spec?.suspend) return suspended(base, view);
  const failed = failureOf(object, ["BuildFailed", "FetchFailed", "StorageOperationFailed"]);
  if (failed && isNew) {
    const said = oneLine(failed.message);
    // Of a source that doesn't change nothing else will come, unless the network has a part in it.
    const isFinal = /^(?:InvalidChartReference|MetadataPatchError|ValuesFilesError|ChartPackageError)$/.test(
      failed.reason,
    );
    return {
      ...base,
      arrived: false,
      text: `${failed.reason}: ${said}`,
      trouble: {
        what: `The chart ${object.spec?.chart ?? ""} can't be packaged (${failed.reason})`,
        cause: said,
        next: `helm lint ${object.spec?.chart ?? "<chart>"}, or kubectl -n ${view.namespace} describe helmchart ${view.name}`,
        bearableSeconds: isFinal ? 0 : view.patience.settledWithinSeconds,
      },
    };
  }
  const waiting = `waits for ${shortRevision(revision)}, was made from ${shortRevision(seen)}`;
  return { ...base, arrived: false, text: revision && seen ? waiting : "waits for its source" };
}

// --- HelmRelease ------------------------------------------------------------------------------------------------------

/** What a HelmRelease is judged by. */
export interface Wanted {
  /** The version of the chart that must have been released; undefined where that can't be known. */
  readonly chartVersion: string | undefined;
  readonly tag: string | undefined;
  /** The commit that should have set the tag. */
  readonly commit: string | undefined;
}

export function judgeHelmRelease(object: HelmRelease | undefined, wanted: Wanted, view: View): Standing {
  const base = baseOf("HelmRelease", view);
  if (!object) return missing(base, view, "the file that holds it was not applied");
  const tag = wantedTag(object);
  if (wanted.tag && tag !== undefined && tag !== wanted.tag)
    return { ...base, arrived: false, ...otherTag(tag, wanted, view) };
  const isAttempted = hasAttempted(object, wanted.chartVersion);
  const ready = conditionOf(object, "Ready");
  const reconciling = conditionOf(object, "Reconciling");
  if (isAttempted && holds(object, "Ready") && reconciling?.status !== "True")
    return { ...base, arrived: true, text: `${oneLine(ready?.message)}${suspendedText(object)}` };
  if (object.spec?.suspend) return suspended(base, view);
  const stalled = conditionOf(object, "Stalled");
  if (
    stalled?.status === "True" &&
    isPresent(object, stalled) &&
    (isAttempted || NEVER_ATTEMPTED.test(stalled.reason ?? ""))
  )
    return { ...base, arrived: false, ...helmGivenUp(object, stalled, view) };
  if (ready?.status === "False" && isPresent(object, ready) && (isAttempted || isPrerequisite(ready)))
    return { ...base, arrived: false, ...helmTrouble(object, ready, view) };
  if (reconciling?.status === "True") return { ...base, arrived: false, text: oneLine(reconciling.message) };
  if (isAttempted && ready?.status === "Unknown") return { ...base, arrived: false, ...leftUnfinished(ready, view) };
  return { ...base, arrived: false, text: "waits for helm-controller" };
}

/** Why helm-controller doesn't even try; every other reason is about what it has tried. */
const NEVER_ATTEMPTED = /^(?:AccessDenied|InvalidCELExpression|FeatureGateDisabled)$/;

/** Whether helm-controller has worked on the present spec with the present chart. */
export function hasAttempted(object: HelmRelease, chartVersion: string | undefined): boolean {
  const { lastAttemptedGeneration: generation, lastAttemptedRevision: version } = object.status ?? {};
  return generation === object.metadata?.generation && (chartVersion === undefined || version === chartVersion);
}

function otherTag(tag: string, { tag: wanted, commit }: Wanted, view: View): Pick<Standing, "text" | "trouble"> {
  const text = `has the tag ${tag}, not ${wanted}`;
  if (!commit) return { text };
  return {
    text,
    trouble: {
      what: `The commit ${commit.slice(0, 7)} brought the tag ${tag}, not ${wanted}`,
      cause: "another commit came after, or the release file of another environment was changed",
      next: `git log -3 -p -- the release file; in the cluster: flux -n ${view.namespace} get helmrelease ${view.name}`,
      bearableSeconds: view.patience.settledWithinSeconds,
    },
  };
}

/** A controller that broke down over a release neither works on it nor says that it failed. */
function leftUnfinished(ready: Condition, { patience }: View): Pick<Standing, "text" | "trouble"> {
  const said = oneLine(ready.message);
  return {
    text: said,
    trouble: {
      what: "helm-controller has left the release unfinished",
      cause: `it stopped at: ${said}`,
      next: "kubectl -n flux-system logs deployment/helm-controller --tail 50",
      bearableSeconds: patience.settledWithinSeconds,
    },
  };
}

/** Reasons for which helm-controller has not even begun. */
function isPrerequisite({ reason = "" }: Condition): boolean {
  return !/^(?:Install|Upgrade|Test|Rollback|Uninstall)(?:Failed|Succeeded)$/.test(reason);
}

function helmGivenUp(object: HelmRelease, stalled: Condition, view: View): Pick<Standing, "text" | "trouble"> {
  const cause = helmFailure(object, view) ?? oneLine(stalled.message);
  return {
    text: `${stalled.reason}: ${oneLine(stalled.message)}`,
    trouble: {
      what: `Flux has given up: ${oneLine(stalled.message)}`,
      cause,
      next: describe(view),
      evidence: warnings(object, view),
      bearableSeconds: 0,
    },
  };
}

const HOPELESS_RELEASE =
  /don't meet the specifications of the schema|execution error at|template: |parse error|error converting YAML|YAML parse error|error parsing|is invalid|unknown field|chart requires kubeVersion/i;

function helmTrouble(object: HelmRelease, ready: Condition, view: View): Pick<Standing, "text" | "trouble"> {
  const { settledWithinSeconds, refusals } = view.patience;
  const said = oneLine(ready.message);
  const text = `${ready.reason}: ${said}`;
  const shared = { next: describe(view), evidence: warnings(object, view) };
  if (isPrerequisite(ready)) {
    const bearableSeconds = ready.reason === "DependencyNotReady" ? Number.POSITIVE_INFINITY : settledWithinSeconds;
    return {
      text,
      trouble: { what: `The release can't begin (${ready.reason})`, cause: said, ...shared, bearableSeconds },
    };
  }
  const failure = helmFailure(object, view) ?? said;
  const what = `Helm's ${object.status?.lastAttemptedReleaseAction ?? "release"} failed`;
  // The chart's tests have had tries of their own.
  if (HOPELESS_RELEASE.test(failure) || ready.reason === "TestFailed")
    return { text, trouble: { what, cause: failure, ...shared, bearableSeconds: 0 } };
  // Without a stored release nothing counts towards the retries, and helm-controller tries for ever.
  const { failures = 0, installFailures = 0, upgradeFailures = 0 } = object.status ?? {};
  const isStored = installFailures + upgradeFailures > 0;
  return {
    text,
    trouble: {
      what,
      cause: failure,
      ...shared,
      bearableSeconds: Number.POSITIVE_INFINITY,
      ...(!isStored && { results: { seen: failures, enough: refusals + 1 } }),
    },
  };
}

/** What failed, where a rollback's success has taken the place of the failure in Ready. */
function helmFailure(object: HelmRelease, view: View): string | undefined {
  const failed = ["TestSuccess", "Released"]
    .map((type) => conditionOf(object, type))
    .find((candidate) => candidate?.status === "False");
  const remediation = conditionOf(object, "Remediated");
  const rolledBack = remediation?.reason === "RollbackFailed" ? ` (and then: ${oneLine(remediation.message)})` : "";
  if (failed) return oneLine(failed.message) + rolledBack;
  const event = eventsAbout("HelmRelease", view.name, view.events)
    .filter(({ reason }) => /Failed$/.test(reason ?? ""))
    .sort((a, b) => timeOf(a) - timeOf(b))
    .at(-1);
  return event && oneLine(event.message);
}

function describe({ namespace, name }: View): string {
  return `flux -n ${namespace} events --for HelmRelease/${name}, or kubectl -n ${namespace} describe helmrelease ${name}`;
}

/** The warnings about the version that was tried last; what Helm logged on the way says nothing that they don't. */
function warnings({ status }: HelmRelease, { name, events }: View): string[] {
  const tried = status?.lastAttemptedRevision ?? "";
  const own = eventsAbout("HelmRelease", name, events).filter(
    ({ type, message = "" }) => type === "Warning" && message.includes(tried),
  );
  return eventLines(own)
    .slice(-3)
    .map((line) => line.replace(/ Last Helm logs: .*$/, ""));
}

// --- shared -----------------------------------------------------------------------------------------------------------

type Base = Pick<Standing, "link" | "name">;

function baseOf(link: Link, { namespace, name }: View): Base {
  return { link, name: `${namespace}/${name}` };
}

function missing(base: Base, { patience, namespace }: View, cause: string): Standing {
  return {
    ...base,
    arrived: false,
    text: "is not there",
    trouble: {
      what: `There is no ${base.link} ${base.name}`,
      cause,
      next: `flux -n ${namespace} get all, or kubectl -n ${namespace} get events --sort-by=.lastTimestamp`,
      bearableSeconds: patience.settledWithinSeconds,
    },
  };
}

/** The call by which Flux goes on with what somebody has suspended; the Canary is Flagger's. */
export function resumeCall(link: Link, namespace: string, name: string): string {
  const kinds: Partial<Record<Link, string>> = {
    GitRepository: "source git",
    Kustomization: "kustomization",
    HelmChart: "source chart",
    HelmRelease: "helmrelease",
  };
  const kind = kinds[link];
  if (kind) return `flux -n ${namespace} resume ${kind} ${name}`;
  return `kubectl -n ${namespace} patch canary ${name} --type merge -p '{"spec":{"suspend":false}}'`;
}

function suspended(base: Base, { namespace, name }: View): Standing {
  return {
    ...base,
    arrived: false,
    text: "is suspended",
    trouble: {
      what: `The ${base.link} ${base.name} is suspended: Flux leaves it as it is`,
      cause: "somebody ran `flux suspend`, or spec.suspend is true in git",
      next: resumeCall(base.link, namespace, name),
      bearableSeconds: 0,
    },
  };
}

function suspendedText({ spec }: { readonly spec?: { readonly suspend?: boolean } }): string {
  return spec?.suspend ? " (suspended)" : "";
}

/** The condition that says what failed: the first of the given ones that holds, else a Ready that doesn't. */
function failureOf(
  object: GitRepository | HelmChart,
  types: readonly string[],
): (Condition & { readonly reason: string; readonly message: string }) | undefined {
  const ready = conditionOf(object, "Ready");
  const found =
    types.map((type) => conditionOf(object, type)).find((candidate) => candidate?.status === "True") ??
    (ready?.status === "False" ? ready : undefined);
  if (!found || !isPresent(object, found)) return undefined;
  return { ...found, reason: found.reason ?? "Failed", message: found.message ?? "" };
}

function sameRevision(a: string | undefined, b: string): boolean {
  const commit = commitOf(b);
  return a === b || (commit !== undefined && hasCommit(a, commit));
}

function oneLine(text: string | undefined): string {
  return (text ?? "").replace(/\s+/g, " ").trim();
}
