import { eventLines } from "./diagnosis.js";
import { countSince, resumeCall, type Standing, type Trouble, type View } from "./fluxLinks.js";
import {
  type Canary,
  type CanaryMetric,
  conditionOf,
  durationSeconds,
  eventsAbout,
  imageTag,
  millisecondsOf,
  timeOf,
} from "./fluxObjects.js";
import type { CoreV1Event, V1Deployment } from "./rollout.js";

/** What a Canary is judged with. */
export interface CanaryView extends View {
  /** The Deployment that Helm changes, and which Flagger analyses. */
  readonly target: V1Deployment | undefined;
  /** The one that serves, which Flagger makes and changes. */
  readonly primary: V1Deployment | undefined;
  readonly tag: string | undefined;
  /** When the present release was made, in milliseconds of the cluster's clock. */
  readonly released: number;
  /** For how many seconds the Canary has been seen as it is now. */
  readonly unchangedSeconds: number;
}

/** Phases in which Flagger has nothing more to do. */
const AT_REST = ["Initialized", "Succeeded", "Failed"];
/** Phases after a good analysis: the primary has the new version, and Flagger only ends the pods that it analysed. */
const PROMOTED = ["Promoting", "Finalising"];

/**
 * Where a Canary stands with the present version. Flagger looks at its target once in each interval, so that right after a
 * release the Canary still shows the outcome of the version before.
 */
export function judgeCanary(canary: Canary, view: CanaryView): Standing {
  const base = { link: "Canary" as const, name: `${view.namespace}/${view.name}` };
  const phase = canary.status?.phase || "not seen by Flagger yet";
  if (isOut(canary, view)) return { ...base, arrived: true, text: outText(canary, view) };
  if (canary.spec?.suspend)
    return {
      ...base,
      arrived: false,
      text: "is suspended",
      trouble: {
        what: `The Canary ${base.name} is suspended: Flagger leaves the new version unused`,
        cause: "spec.suspend is true",
        next: resumeCall("Canary", view.namespace, view.name),
        bearableSeconds: 0,
      },
    };
  if (hasFailed(canary, view)) return { ...base, arrived: false, text: "Failed", trouble: failure(canary, view) };
  if (isBlocked(canary, view)) return { ...base, arrived: false, ...blocked(view) };
  if (AT_REST.includes(phase))
    return { ...base, arrived: false, text: `Flagger has not looked at the new version yet (${phase})` };
  return { ...base, arrived: false, text: progress(canary, phase, view), ...waiting(canary, view) };
}

/** Whether users get the present version: its pods have been copied to the primary, and no analysis can stop it any more. */
function isOut(canary: Canary, view: CanaryView): boolean {
  const { phase = "", lastAppliedSpec, lastPromotedSpec } = canary.status ?? {};
  const { target, primary, tag } = view;
  if (!target || !primary || !isRolledOut(primary)) return false;
  if (tag && (tagOf(target) !== tag || tagOf(primary) !== tag)) return false;
  if (PROMOTED.includes(phase)) return samePods(target, primary);
  if (!AT_REST.includes(phase) || lastAppliedSpec !== lastPromotedSpec) return false;
  // After a failed version was taken back the phase stays Failed: Flagger makes no new analysis of what serves already.
  if (samePods(target, primary)) return true;
  return phase !== "Failed" && view.unchangedSeconds > hasLookedSeconds(canary);
}

/**
 * Whether Flagger lets nothing past the version that serves, as its pods are not all ready: it analyses nothing then, a way back neither
 * (pkg/controller/scheduler.go, "check primary status"). While there is nothing to bring out, that is no matter of a release.
 */
function isBlocked({ spec, status }: Canary, { primary, target }: CanaryView): boolean {
  const looksForChanges = [...AT_REST, "Progressing"].includes(status?.phase ?? "");
  if (!looksForChanges || spec?.skipAnalysis || !primary || isRolledOut(primary)) return false;
  return target !== undefined && !samePods(target, primary);
}

/**
 * How long nothing may serve until it is told, in seconds: pods that were only moved are back by then, be it to a node that Karpenter makes
 * for them, as where a spot instance was taken away.
 */
const DOWN_SECONDS = 120;

function blocked(view: CanaryView): Pick<Standing, "text" | "trouble"> {
  const { namespace, name, primary, events, released } = view;
  const { availableReplicas = 0 } = primary?.status ?? {};
  const text = `waits for ${name}-primary, which serves and is not ready`;
  const said = haltsOf(name, events, released).filter(({ text }) => text.startsWith(PRIMARY));
  return {
    text,
    trouble: {
      what: `${availableReplicas > 0 ? "Not all pods" : "No pods"} of the version that serves are ready (Deployment ${namespace}/${name}-primary), and Flagger brings nothing out past them`,
      cause: said.at(-1)?.text ?? `${PRIMARY} do not get ready`,
      next: pastThePrimary(view),
      holdsAnyTag: true,
      // As long as some serve, more may come: Flagger's own deadline ends that.
      bearableSeconds: availableReplicas > 0 ? Number.POSITIVE_INFINITY : DOWN_SECONDS,
    },
  };
}

const PRIMARY = "the pods of the version that serves";

/** What helps where the version that serves is broken. */
const pastThePrimary = ({ namespace, name }: CanaryView) =>
  `kubectl -n ${namespace} describe deployment ${name}-primary; another version, or the one before, comes out past it with ` +
  "spec.values.canary.skipAnalysis: true in the release file, until it is out (clusters/README.md, When a release fails)";

/** Flagger has certainly looked at its target within so many seconds. */
function hasLookedSeconds(canary: Canary): number {
  return 2 * (durationSeconds(canary.spec?.analysis?.interval) ?? 60) + 5;
}

/** Whether the failure that a Canary shows is one of the present version. */
function hasFailed(canary: Canary, { target, tag, released, unchangedSeconds }: CanaryView): boolean {
  const { phase, lastAppliedSpec, lastPromotedSpec } = canary.status ?? {};
  if (phase !== "Failed" || lastAppliedSpec === lastPromotedSpec) return false;
  if (tag && target && tagOf(target) !== tag) return false;
  return failedAt(canary) >= released || unchangedSeconds > hasLookedSeconds(canary);
}

function failedAt(canary: Canary): number {
  return millisecondsOf(conditionOf(canary, "Promoted")?.lastUpdateTime ?? canary.status?.lastTransitionTime);
}

/** Whether Flagger leaves the present release alone: it has had the time to look, and rests on what it found before it. */
export function isPassedOver(canary: Canary, view: CanaryView): boolean {
  const { phase = "" } = canary.status ?? {};
  const { target, tag, released, unchangedSeconds } = view;
  if (!AT_REST.includes(phase) || canary.spec?.suspend || isOut(canary, view) || isBlocked(canary, view)) return false;
  if (!target || (tag && tagOf(target) !== tag)) return false;
  if (view.primary && samePods(target, view.primary)) return false; // there is nothing to analyse
  if (phase === "Failed" && failedAt(canary) >= released) return false;
  return unchangedSeconds > hasLookedSeconds(canary);
}

function progress(canary: Canary, phase: string, { name, events }: CanaryView): string {
  const { iterations = 0, canaryWeight = 0, failedChecks = 0 } = canary.status ?? {};
  const { analysis } = canary.spec ?? {};
  if (phase !== "Progressing") return phase;
  const total = analysis?.iterations;
  const step = total
    ? `analysis ${Math.min(iterations, total)} of ${total}`
    : `analysis with ${canaryWeight} % of the traffic`;
  const metrics = (analysis?.metrics ?? []).map(metricText).join(", ");
  const failed = failedChecks > 0 ? `, ${failedChecks} of ${analysis?.threshold ?? "?"} failed checks` : "";
  const halt = failed ? haltsOf(name, events, analysisBegan(name, events) ?? 0).at(-1) : undefined;
  // Flagger tells a metric's value only when it fails a check.
  if (halt) return `${step}${failed}: ${halt.text}`;
  return `${step}${metrics ? ` (${metrics})` : ""}${failed}`;
}

/** `success-rate ≥ 99` */
function metricText({ name = "?", thresholdRange: { min, max } = {} }: CanaryMetric): string {
  return `${name}${min === undefined ? "" : ` ≥ ${min}`}${max === undefined ? "" : ` ≤ ${max}`}`;
}

function outText(canary: Canary, { primary }: CanaryView): string {
  const phase = canary.status?.phase;
  const tag = primary && tagOf(primary);
  return phase === "Failed" ? `the primary serves ${tag} again` : `${phase}: the primary serves ${tag}`;
}

/** Someone has to approve: Flagger waits for that as long as it takes. */
function waiting(canary: Canary, { namespace, name }: CanaryView): Pick<Standing, "trouble"> {
  const phase = canary.status?.phase ?? "";
  if (!phase.startsWith("Waiting")) return {};
  return {
    trouble: {
      what: "Flagger waits for an approval",
      cause: "a webhook of the type confirm-rollout or confirm-promotion has not agreed",
      next: `kubectl -n ${namespace} describe canary ${name}`,
      bearableSeconds: Number.POSITIVE_INFINITY,
    },
  };
}

function failure(canary: Canary, view: CanaryView): Trouble {
  const { namespace, name, events, released, tag, primary } = view;
  // A second release, of the same values with a newer chart, may come in the middle of an analysis.
  const began = analysisBegan(name, events) ?? released;
  const halts = haltsOf(name, events, began);
  const serving = primary && tagOf(primary);
  const cause =
    halts.map(({ text, count }) => (count > 1 ? `${text} (${count} times)` : text)).join("; ") ||
    conditionOf(canary, "Promoted")?.message ||
    "Flagger gives no reason";
  const own = eventsAbout("Canary", name, events).filter((event) => timeOf(event) >= began);
  return {
    what: `Flagger's analysis of ${tag ?? "the new version"} failed; the primary goes on serving${serving ? ` ${serving}` : ""}`,
    cause,
    next: primary && !isRolledOut(primary) ? pastThePrimary(view) : `kubectl -n ${namespace} describe canary ${name}`,
    evidence: eventLines(own),
    bearableSeconds: 0,
  };
}

/** When Flagger began its last analysis, as far as its events say. */
function analysisBegan(name: string, events: readonly CoreV1Event[]): number | undefined {
  const times = eventsAbout("Canary", name, events)
    .filter(({ message }) => message?.startsWith("New revision detected!"))
    .map(timeOf);
  return times.length > 0 ? Math.max(...times) : undefined;
}

/** Why Flagger didn't go on. */
export interface Halt {
  readonly text: string;
  readonly count: number;
}

/** What held a canary up, each cause once, in the order in which they came. */
export function haltsOf(name: string, events: readonly CoreV1Event[], since: number): Halt[] {
  const halts = new Map<string, Halt & { key: string }>();
  const own = eventsAbout("Canary", name, events).filter((event) => event.type === "Warning" && timeOf(event) >= since);
  for (const event of [...own].sort((a, b) => timeOf(a) - timeOf(b))) {
    const halt = haltOf(event.message ?? "");
    if (!halt) continue;
    const count = (halts.get(halt.key)?.count ?? 0) + countSince(since, event);
    halts.set(halt.key, { ...halt, count });
  }
  return [...halts.values()].map(({ text, count }) => ({ text, count }));
}

/** Flagger's words (pkg/controller/scheduler*.go) as metric, value and threshold. */
function haltOf(message: string): { key: string; text: string } | undefined {
  const said = message.replace(/\s+/g, " ").trim();
  const metric = /^Halt \S+ advancement (.+?) (-?[\d.]+\S*|NaN|[+-]Inf) ([<>]) (-?[\d.]+\S*)$/.exec(said);
  if (metric) {
    const [, name = "", value = "", sign, threshold = ""] = metric;
    const bound = sign === "<" ? "at least" : "at most";
    return { key: name, text: `${name} was ${value} and must be ${bound} ${threshold}` };
  }
  const noValues = /^Halt advancement no values found for (?:custom )?metric: ([^\s:]+)/.exec(said);
  if (noValues)
    return {
      key: `${noValues[1]} has no values`,
      text: `${noValues[1]} has no values: the canary got no traffic, or Prometheus has not scraped it`,
    };
  const primary = /^\S+-primary\.\S+ not ready: (.*)$/.exec(said);
  if (primary) return { key: PRIMARY, text: `${PRIMARY} are not ready: ${primary[1]}` };
  const pods = /^canary deployment \S+ not ready: (.*)$/.exec(said);
  if (pods) return { key: "not ready", text: `the canary's pods did not get ready: ${pods[1]}` };
  const check = /^Halt \S+ advancement (external|pre-rollout) check (\S+) failed (.*)$/.exec(said);
  if (check) return { key: `check ${check[2]}`, text: `the ${check[1]} check ${check[2]} failed: ${check[3]}` };
  if (
    /progress deadline|not ready: .*exceeded|Promotion of .* failed|^Metric query failed|^Prometheus query failed|^Metric template/i.test(
      said,
    )
  )
    return { key: said, text: said };
  return undefined;
}

function tagOf(deployment: V1Deployment): string | undefined {
  return imageTag(deployment.spec?.template.spec?.containers[0]?.image);
}

function isRolledOut({ metadata, spec, status }: V1Deployment): boolean {
  const { observedGeneration = 0, updatedReplicas = 0, replicas = 0, availableReplicas = 0 } = status ?? {};
  const wanted = spec?.replicas ?? 1;
  const isSeen = observedGeneration >= (metadata?.generation ?? 0);
  return isSeen && updatedReplicas >= wanted && replicas <= updatedReplicas && availableReplicas >= updatedReplicas;
}

/** Whether the primary's pods are those of the target. Flagger gives names of its own to the primary, and to its ConfigMaps and Secrets. */
function samePods(target: V1Deployment, primary: V1Deployment): boolean {
  const essence = ({ spec }: V1Deployment) => {
    const { annotations: all, labels } = spec?.template.metadata ?? {};
    const { "flagger-id": _, ...annotations } = all ?? {};
    return stable({ annotations, labels, pod: spec?.template.spec }).replaceAll('-primary"', '"');
  };
  return essence(target) === essence(primary);
}

/** JSON whose keys are in order. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
