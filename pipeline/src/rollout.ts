import type { CoreV1Event, V1Deployment, V1Pod, V1ReplicaSet } from "@kubernetes/client-node";
import { SILENCE_MS } from "./clusterErrors.js";
import {
  type Diagnosis,
  diagnose,
  eventLines,
  eventsOf,
  formatDiagnosis,
  hasFailed,
  isReady,
  type LogSource,
  type Patience,
  podState,
} from "./diagnosis.js";
import { selectorText } from "./labelSelector.js";
import { addLog } from "./podEvidence.js";
import { type Clock, type Log, realClock } from "./steps.js";
import { toWaitLonger } from "./timeout.js";

export type { CoreV1Event, V1Deployment, V1Pod, V1ReplicaSet } from "@kubernetes/client-node";

/** What waiting for a rollout needs of a cluster; `kubernetes.ts` has the real one. */
export interface RolloutApi {
  getDeployment(namespace: string, name: string): Promise<V1Deployment>;
  /** @param selector a label selector as the API takes it (`app=a,tier in (b,c)`) */
  listReplicaSets(namespace: string, selector: string): Promise<V1ReplicaSet[]>;
  listPods(namespace: string, selector: string): Promise<V1Pod[]>;
  listEvents(namespace: string): Promise<CoreV1Event[]>;
  /** The last lines of a container's log. */
  podLog(source: LogSource, lines: number): Promise<string>;
}

/** Which rollout, and how long to wait for it. */
export interface RolloutOptions {
  readonly namespace: string;
  readonly deployment: string;
  /** The end of all patience, in seconds; hopeless cases end long before. */
  readonly timeoutSeconds: number;
  /** From a container's start until it must be ready, in seconds; 30 when not given. */
  readonly readyWithinSeconds?: number;
  /** The other limits of hope; see `Patience`. */
  readonly patience?: Partial<Patience>;
  /** Whether to wait until the pods of older versions are gone too, and not only replaced. */
  readonly untilOldPodsAreGone?: boolean;
  /** When the wait began that this is a part of, in milliseconds; now when not given. */
  readonly since?: number;
  readonly log: Log;
  readonly clock?: Clock;
}

/** A rollout that is out. */
export interface RolloutResult {
  readonly seconds: number;
  readonly replicas: number;
  /** The images of the pods, in the order of their containers. */
  readonly images: readonly string[];
}

/** A rollout that can't come good or took too long; `message` holds the state of its pods, their events and last log lines. */
export class RolloutFailure extends Error {
  override name = "RolloutFailure";
  /** Why, when that is known; none after a mere timeout. */
  readonly diagnosis: Diagnosis | undefined;
  constructor(message: string, diagnosis?: Diagnosis) {
    super(message);
    this.diagnosis = diagnosis;
  }
}

const POLL_MILLISECONDS = 500;
/** A cluster that lets calls run into their time limit, each as long as its silence may be, is asked so often at least. */
const TOLERATED_FAILURES = 5;

/**
 * Waits until a Deployment's newest version is out, by the rules of `kubectl rollout status` (kubectl
 * pkg/polymorphichelpers/rollout_status.go): the controller has seen the newest spec, all replicas are updated, no old
 * ones are left, and all updated ones are available. Logs one line for each change.
 *
 * @throws RolloutFailure as soon as the pods of the new version show that they can't come good, when the Deployment is
 *   paused or past its progress deadline, and after `timeoutSeconds`
 */
export async function waitForRollout(api: RolloutApi, options: RolloutOptions): Promise<RolloutResult> {
  return new Rollout(api, options).wait();
}

/**
 * Looks once at a Deployment's rollout, by the rules of `waitForRollout`.
 *
 * @returns where it stands, in words, what new pods that are not ready say (nothing when it is scaled down: Flagger ends the pods of a
 *   version that it gives up, so what they said before is to be kept), and the result when it is out
 * @throws RolloutFailure as `waitForRollout` does, but for its timeout
 */
export async function lookAtRollout(
  api: RolloutApi,
  options: Omit<RolloutOptions, "log" | "timeoutSeconds">,
): Promise<{ standing: string; unready?: readonly string[]; result?: RolloutResult }> {
  let standing = "";
  const log: Log = (line) => {
    standing = line.replace(/^Deployment \S+: /, "");
  };
  const rollout = new Rollout(api, { ...options, timeoutSeconds: 0, log });
  const result = await rollout.poll();
  return { standing, ...(!rollout.isScaledDown() && { unready: rollout.unready() }), ...(result && { result }) };
}

/** How `pollUntil` waits, and what it says and throws. */
interface Polling {
  readonly clock: Clock;
  readonly say: Log;
  readonly isLate: () => boolean;
  readonly timeout: () => Error | Promise<Error>;
}

/** Polls until there is a result. Bears an API server that does not answer while it restarts; every other error is the end. */
export async function pollUntil<T>(
  poll: () => Promise<T | undefined>,
  { clock, say, isLate, timeout }: Polling,
): Promise<T> {
  let answered = clock.now();
  for (let failures = 0; ; await clock.sleep(POLL_MILLISECONDS)) {
    try {
      const result = await poll();
      if (result) return result;
      failures = 0;
      answered = clock.now();
    } catch (error) {
      failures += 1;
      const isGone = failures > TOLERATED_FAILURES && clock.now() - answered >= SILENCE_MS;
      if (!isTransient(error) || isGone) throw error;
      const why = error instanceof Error ? error.message : String(error);
      if (failures === 1) say(`the cluster does not answer, trying again: ${why}`);
    }
    if (isLate()) throw await timeout();
  }
}

interface Snapshot {
  readonly deployment: V1Deployment;
  readonly newest: V1ReplicaSet | undefined;
  readonly newPods: readonly V1Pod[];
  readonly oldPods: readonly V1Pod[];
}

class Rollout {
  private readonly clock: Clock;
  private readonly started: number;
  private readonly name: string;
  private lastLine = "";
  private last: Snapshot | undefined;
  /** Those of the namespace, as far as they were asked for. */
  private events: readonly CoreV1Event[] = [];
  private readonly api: RolloutApi;
  private readonly options: RolloutOptions;

  constructor(api: RolloutApi, options: RolloutOptions) {
    this.api = api;
    this.options = options;
    this.clock = options.clock ?? realClock;
    this.started = options.since ?? this.clock.now();
    this.name = `Deployment ${options.namespace}/${options.deployment}`;
  }

  async wait(): Promise<RolloutResult> {
    return await pollUntil(() => this.poll(), {
      clock: this.clock,
      say: (line) => this.say(line),
      isLate: () => this.seconds() >= this.options.timeoutSeconds,
      timeout: () => this.timeout(),
    });
  }

  async poll(): Promise<RolloutResult | undefined> {
    const snapshot = await this.look();
    this.last = snapshot;
    const { deployment } = snapshot;
    const waiting = waitingFor(snapshot, this.options.untilOldPodsAreGone ?? false);
    this.say(waiting ?? "is out");
    if (!waiting) return this.result(deployment);
    await this.refuseHopeless(snapshot);
    return undefined;
  }

  /** What the pods of the new version that are not ready say. */
  unready(): string[] {
    return this.said((this.last?.newPods ?? []).filter((pod) => !isReady(pod)));
  }

  isScaledDown(): boolean {
    return this.last?.deployment.spec?.replicas === 0;
  }

  private async look(): Promise<Snapshot> {
    const { namespace, deployment: name } = this.options;
    const deployment = await this.api.getDeployment(namespace, name);
    // Before the controller has seen the newest spec, its newest ReplicaSet is still the one of the version before.
    if (!isObserved(deployment)) return { deployment, newest: undefined, newPods: [], oldPods: [] };
    const selector = selectorText(deployment.spec?.selector);
    const [sets, pods] = await Promise.all([
      this.api.listReplicaSets(namespace, selector),
      this.api.listPods(namespace, selector),
    ]);
    const owned = sets.filter((set) => isOwnedBy(set, deployment));
    const newest = owned.find((set) => revision(set) !== undefined && revision(set) === revision(deployment));
    const older = owned.filter((set) => set !== newest);
    return {
      deployment,
      newest,
      newPods: newest ? pods.filter((pod) => isOwnedBy(pod, newest)) : [],
      // One that was evicted has ended, though it stays to be looked at.
      oldPods: pods.filter((pod) => !hasFailed(pod) && older.some((set) => isOwnedBy(pod, set))),
    };
  }

  private async refuseHopeless(snapshot: Snapshot): Promise<void> {
    const { deployment, newest, newPods } = snapshot;
    if (deployment.spec?.paused)
      throw new RolloutFailure(
        `${this.name} is paused and rolls nothing out.\nNext: kubectl -n ${this.options.namespace} rollout resume deployment/${this.options.deployment}`,
      );
    this.events = await this.api.listEvents(this.options.namespace);
    if (!newest) return;
    const { readyWithinSeconds, patience } = this.options;
    const diagnosis = diagnose({
      pods: newPods,
      replicaSet: newest,
      events: this.events,
      now: new Date(this.clock.now()),
      patience: { ...patience, ...(readyWithinSeconds !== undefined && { readyWithinSeconds }) },
    });
    if (diagnosis) throw await this.failure(diagnosis);
    const progressing = condition(deployment, "Progressing");
    if (isObserved(deployment) && progressing?.reason === "ProgressDeadlineExceeded")
      throw new RolloutFailure(
        [`${this.name} made no progress within its deadline: ${progressing.message ?? ""}`, ...this.evidence()].join(
          "\n",
        ),
      );
  }

  private async failure(diagnosis: Diagnosis): Promise<RolloutFailure> {
    const complete = await addLog(this.api, diagnosis);
    return new RolloutFailure(
      `${this.name} can't come good (given up after ${Math.round(this.seconds())} s)\n${formatDiagnosis(complete)}`,
      complete,
    );
  }

  private timeout(): RolloutFailure {
    const lines = [
      `${this.name} is not out after ${Math.round(this.seconds())} s: ${this.lastLine}`,
      ...this.evidence(),
      `Next: kubectl -n ${this.options.namespace} describe deployment ${this.options.deployment}`,
      toWaitLonger(this.options.timeoutSeconds),
    ];
    return new RolloutFailure(lines.join("\n"));
  }

  /** What the pods that hold the rollout up say: those of the new version that aren't ready, else old ones that stay. */
  private evidence(): string[] {
    const unready = this.unready();
    return unready.length > 0 ? unready : this.said(this.last?.oldPods ?? []);
  }

  /** State and events of pods, of three at most. */
  private said(pods: readonly V1Pod[]): string[] {
    return pods
      .slice(0, 3)
      .flatMap((pod) => [
        ...podState(pod).map((line) => `  ${line}`),
        ...eventLines(eventsOf(pod, this.events)).map((line) => `    ${line}`),
      ]);
  }

  private result(deployment: V1Deployment): RolloutResult {
    return {
      seconds: this.seconds(),
      replicas: deployment.status?.availableReplicas ?? 0,
      images: (deployment.spec?.template.spec?.containers ?? []).map(({ image }) => image ?? ""),
    };
  }

  private say(line: string): void {
    if (line === this.lastLine) return;
    this.lastLine = line;
    this.options.log(`${this.name}: ${line}`);
  }

  private seconds(): number {
    return (this.clock.now() - this.started) / 1000;
  }
}

/** What a Deployment still waits for, or nothing when it is out. */
function waitingFor({ deployment, oldPods }: Snapshot, untilOldPodsAreGone: boolean): string | undefined {
  if (!isObserved(deployment)) return "waiting for the controller to see the new spec";
  const wanted = deployment.spec?.replicas ?? 1;
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0 } = deployment.status ?? {};
  if (updatedReplicas < wanted) return `${updatedReplicas} of ${wanted} new replicas updated`;
  if (replicas > updatedReplicas) return `${replicas - updatedReplicas} old replicas still to end`;
  if (availableReplicas < updatedReplicas)
    return `${availableReplicas} of ${updatedReplicas} updated replicas available`;
  if (untilOldPodsAreGone && oldPods.length > 0) return `${oldPods.length} old pods still to end`;
  return undefined;
}

function isObserved(deployment: V1Deployment): boolean {
  return (deployment.status?.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0);
}

function condition(deployment: V1Deployment, type: string) {
  return deployment.status?.conditions?.find((candidate) => candidate.type === type);
}

/** The Deployment controller numbers versions and marks a Deployment and its newest ReplicaSet with the same number. */
function revision(object: V1Deployment | V1ReplicaSet): string | undefined {
  return object.metadata?.annotations?.["deployment.kubernetes.io/revision"];
}

function isOwnedBy(object: V1Pod | V1ReplicaSet, owner: V1Deployment | V1ReplicaSet): boolean {
  return object.metadata?.ownerReferences?.some(({ uid }) => uid === owner.metadata?.uid) ?? false;
}

function isTransient(error: unknown): boolean {
  return error instanceof Error && "transient" in error && error.transient === true;
}
