// What pods say of themselves: their state, events and last log lines.
import {
  type Diagnosis,
  diagnose,
  eventLines,
  eventsOf,
  LOG_LINES,
  type LogSource,
  type Patience,
  podState,
  withLog,
} from "./diagnosis.js";
import type { Canary } from "./fluxObjects.js";
import { selectorText } from "./labelSelector.js";
import type { CoreV1Event, RolloutApi, V1Deployment, V1Pod } from "./rollout.js";
import { type Clock, realClock } from "./steps.js";

/** The others of a version say the same. */
const PODS = 2;

/**
 * Looks once at the pods that match a selector, whoever made them (Helm's hooks and tests too), and says why one of
 * them can't come good, with its log; nothing when they are well or may still become so.
 */
export async function diagnosePods(
  api: RolloutApi,
  options: { namespace: string; selector: string; patience?: Partial<Patience>; clock?: Clock },
): Promise<Diagnosis | undefined> {
  const [pods, events] = await Promise.all([
    api.listPods(options.namespace, options.selector),
    api.listEvents(options.namespace),
  ]);
  const now = new Date((options.clock ?? realClock).now());
  const diagnosis = diagnose({ pods, events, now, ...(options.patience && { patience: options.patience }) });
  return diagnosis && addLog(api, diagnosis);
}

/** A log that can't be read must not hide the failure it was wanted for. */
export async function addLog(api: RolloutApi, diagnosis: Diagnosis): Promise<Diagnosis> {
  return diagnosis.logSource ? withLog(diagnosis, await lastLines(api, diagnosis.logSource)) : diagnosis;
}

async function lastLines(api: RolloutApi, source: LogSource): Promise<string> {
  const read = (previous: boolean) => api.podLog({ ...source, previous }, LOG_LINES);
  try {
    return await read(source.previous).catch(() => read(!source.previous));
  } catch (error) {
    return `(no log: ${error instanceof Error ? error.message : String(error)})`;
  }
}

/** State, events and last log lines of pods that are ready and yet don't do what they should. Fails never, for the same reason. */
export async function podEvidence(api: RolloutApi, namespace: string, selector: string): Promise<string[]> {
  try {
    const [pods, events] = await Promise.all([api.listPods(namespace, selector), api.listEvents(namespace)]);
    const staying = pods.filter(({ metadata }) => !metadata?.deletionTimestamp).slice(0, PODS);
    return (await Promise.all(staying.map((pod) => sayingsOf(api, pod, events)))).flat();
  } catch (error) {
    return [`(its pods can't be read: ${error instanceof Error ? error.message : String(error)})`];
  }
}

async function sayingsOf(api: RolloutApi, pod: V1Pod, events: readonly CoreV1Event[]): Promise<string[]> {
  const { name = "?", namespace = "default" } = pod.metadata ?? {};
  const container = mainContainer(pod);
  const log = await lastLines(api, { namespace, pod: name, container, previous: false });
  const indent = (lines: readonly string[]) => lines.map((line) => `  ${line}`);
  return [
    ...podState(pod),
    "Events:",
    ...indent(eventLines(eventsOf(pod, events))),
    `Last log lines of ${name}/${container}:`,
    ...indent(log.trimEnd().split("\n")),
  ];
}

/** The one that kubectl means when none is named: by its annotation, else the first. */
const mainContainer = ({ metadata, spec }: V1Pod): string =>
  metadata?.annotations?.["kubectl.kubernetes.io/default-container"] ?? spec?.containers[0]?.name ?? "";

/** What the pods of a version said while Flagger analysed it: Flagger ends them with the analysis. */
export class AnalysedPods {
  private failedChecks = 0;
  private said: readonly string[] = [];
  /** What those that were not ready said last, which is all there is where no check has failed. */
  private unready: readonly string[] = [];

  /** Notes what is known of pods that are not ready; none is known of a version that has no pods. */
  note(unready: readonly string[] | undefined): void {
    this.unready = unready ?? this.unready;
  }

  /** Asks the pods once for each check that fails. */
  async look(api: RolloutApi, canary: Canary, target: V1Deployment | undefined): Promise<void> {
    const { phase, failedChecks = 0 } = canary.status ?? {};
    if (phase !== "Progressing" || failedChecks === this.failedChecks) return;
    this.failedChecks = failedChecks;
    if (failedChecks === 0) this.said = [];
    else if (target && target.spec?.replicas !== 0)
      this.said = await podEvidence(api, target.metadata?.namespace ?? "default", selectorText(target.spec?.selector));
  }

  evidence(): readonly string[] {
    return this.said.length > 0 ? this.said : this.unready;
  }
}
