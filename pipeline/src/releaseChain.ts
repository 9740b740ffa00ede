import { type CanaryView, isPassedOver, judgeCanary } from "./canaryLink.js";
import { formatDiagnosis, type Patience } from "./diagnosis.js";
import {
  defaultReleasePatience,
  hasAttempted,
  isSeenEnough,
  judgeGitRepository,
  judgeHelmChart,
  judgeHelmRelease,
  judgeKustomization,
  type ReleasePatience,
  type Standing,
  type Trouble,
  type View,
  withPods,
} from "./fluxLinks.js";
import {
  API,
  branchOf,
  type Canary,
  commitOf,
  type GitRepository,
  type HelmChart,
  type HelmRelease,
  hasCommit,
  imageTag,
  type Kustomization,
  type Link,
  millisecondsOf,
  wantedTag,
} from "./fluxObjects.js";
import type { ClusterObject, ObjectReference } from "./kubernetes.js";
import { AnalysedPods, diagnosePods } from "./podEvidence.js";
import { withoutGitEnd } from "./repositoryUrl.js";
import {
  type CoreV1Event,
  lookAtRollout,
  pollUntil,
  type RolloutApi,
  RolloutFailure,
  type RolloutOptions,
  type V1Deployment,
} from "./rollout.js";
import { type Clock, type Log, realClock } from "./steps.js";
import type { Moment } from "./timeline.js";
import { toWaitLonger } from "./timeout.js";

export type { ReleasePatience } from "./fluxLinks.js";
export type { Link } from "./fluxObjects.js";
export type { Moment } from "./timeline.js";

/** What waiting for a release needs of a cluster; `kubernetes.ts` has the real one. */
export interface ReleaseApi extends RolloutApi {
  /** Undefined when there is none of this name, or none of this kind. */
  findObject(reference: ObjectReference): Promise<ClusterObject | undefined>;
}

/** The objects by which Flux takes a folder of a repository into the cluster. */
export interface SyncNames {
  readonly namespace: string;
  readonly source: string;
  readonly kustomization: string;
}

/** As `flux bootstrap` and the Flux operator name them. */
export const BOOTSTRAP_SYNC: SyncNames = {
  namespace: "flux-system",
  source: "flux-system",
  kustomization: "flux-system",
};

/** Which release, and how long to wait for it. */
export interface ReleaseOptions {
  /** The namespace of the HelmRelease and of what it installs. */
  readonly namespace: string;
  readonly helmRelease: string;
  /** The Deployment, and the Canary, that it installs; the HelmRelease's name when not given. */
  readonly deployment?: string;
  readonly sync?: SyncNames;
  /** The commit that must have arrived; without it, whatever Flux has now. */
  readonly revision?: string;
  /** Whether a commit that Flux has fetched instead holds `revision` too (two commits within a second). */
  readonly contains?: (commit: string) => Promise<boolean>;
  /** The image tag that must be out; without it, the one of the HelmRelease. */
  readonly tag?: string;
  /** Asks Flagger for an analysis that it would not make by itself; until that is settled. */
  readonly askForAnalysis?: (canary: Canary) => Promise<boolean>;
  /** The end of all patience, in seconds; hopeless cases end long before. */
  readonly timeoutSeconds: number;
  readonly patience?: Partial<ReleasePatience>;
  /** For the pods of the new version; see `Patience`. */
  readonly podPatience?: Partial<Patience>;
  readonly log: Log;
  readonly clock?: Clock;
}

/** A release that is out. */
export interface ReleaseResult {
  readonly seconds: number;
  /** The tag that serves. */
  readonly tag: string | undefined;
  readonly timeline: readonly Moment[];
}

/** A release that can't come good or took too long; `message` says which link, why, what shows more, and where all links stand. */
export class ReleaseFailure extends Error {
  override name = "ReleaseFailure";
  readonly link: Link;
  readonly seconds: number;
  readonly timeline: readonly Moment[];
  constructor(message: string, link: Link, seconds: number, timeline: readonly Moment[]) {
    super(message);
    this.link = link;
    this.seconds = seconds;
    this.timeline = timeline;
  }
}

/**
 * Waits until a release that Flux brings is out: the commit is fetched (GitRepository), applied (Kustomization), packaged
 * (HelmChart), released (HelmRelease), and serves (Deployment, and where there is Flagger, the Canary). A HelmRelease that
 * is Ready is not the end: Helm sees only the Deployment that Flagger analyses, not the one that serves.
 *
 * Logs one line for each change of a link.
 *
 * @throws ReleaseFailure as soon as a link shows that it can't come good, and after `timeoutSeconds`
 */
export async function waitForRelease(api: ReleaseApi, options: ReleaseOptions): Promise<ReleaseResult> {
  return new Chain(api, options).wait();
}

/**
 * Looks once at all links of a release, with whatever is there as what is wanted.
 *
 * @returns where each link stands, and the objects themselves
 */
export async function lookAtRelease(
  api: ReleaseApi,
  options: Omit<ReleaseOptions, "log" | "timeoutSeconds">,
): Promise<{ standings: Standing[]; objects: Snapshot }> {
  return new Chain(api, { ...options, timeoutSeconds: 0, log: () => undefined }).lookOnce();
}

/** All there is to look at, read at one moment. */
export interface Snapshot {
  readonly source: GitRepository | undefined;
  readonly kustomization: Kustomization | undefined;
  readonly chartSource: GitRepository | undefined;
  readonly chart: HelmChart | undefined;
  readonly release: HelmRelease | undefined;
  readonly canary: Canary | undefined;
  readonly target: V1Deployment | undefined;
  readonly primary: V1Deployment | undefined;
  readonly syncEvents: readonly CoreV1Event[];
  readonly events: readonly CoreV1Event[];
}

/** What of a release's way was told to leave things as they are (`flux suspend`, spec.suspend), as `HelmRelease helloworld/helloworld`. */
export function suspendedOf({ source, kustomization, chartSource, chart, release, canary }: Snapshot): string[] {
  const links: [Link, FluxLike | undefined][] = [
    ["GitRepository", source],
    ["Kustomization", kustomization],
    ["GitRepository", chartSource],
    ["HelmChart", chart],
    ["HelmRelease", release],
    ["Canary", canary],
  ];
  const names = links
    .filter(([, object]) => object?.spec?.suspend)
    .map(([link, object]) => `${link} ${object?.metadata?.namespace}/${object?.metadata?.name}`);
  return [...new Set(names)];
}

type FluxLike = Pick<ClusterObject, "metadata"> & { readonly spec?: { readonly suspend?: boolean } };

/** For how long the commit that Flux had at first is taken for one from before. */
const FIRST_COMMIT_SECONDS = 10;

class Chain {
  private readonly api: ReleaseApi;
  private readonly options: ReleaseOptions;
  private readonly clock: Clock;
  private readonly started: number;
  private readonly sync: SyncNames;
  private readonly deployment: string;
  private readonly patience: ReleasePatience;
  private readonly timeline: Moment[] = [];
  /** The last line of each link. */
  private readonly said = new Map<string, string>();
  /** Since when something has been as it is. */
  private readonly since = new Map<string, { state: string; at: number }>();
  private standings: Standing[] = [];
  private commit: string | undefined;
  private firstCommit: string | undefined;
  /** What the Deployment's pods were made of at the first look; empty where those are of the wanted commit already. */
  private podsBefore: string | undefined;
  /** Whether Flagger has been asked for an analysis, or can't be. */
  private hasAsked = false;
  /** What the pods of the wanted version said, which Flagger may end. */
  private readonly pods = new AnalysedPods();
  /** Whether commits that Flux has fetched hold the wanted one. */
  private readonly judged = new Map<string, boolean>();
  /** How often git did not tell that, and when last. */
  private readonly untold = new Map<string, { readonly times: number; readonly at: number }>();

  constructor(api: ReleaseApi, options: ReleaseOptions) {
    this.api = api;
    this.options = options;
    this.clock = options.clock ?? realClock;
    this.started = this.clock.now();
    this.sync = options.sync ?? BOOTSTRAP_SYNC;
    this.deployment = options.deployment ?? options.helmRelease;
    this.patience = { ...defaultReleasePatience, ...options.patience };
    this.commit = options.revision;
    if (options.revision) this.begin(options.revision);
  }

  async wait(): Promise<ReleaseResult> {
    return await pollUntil(() => this.poll(), {
      clock: this.clock,
      say: this.options.log,
      isLate: () => this.seconds() >= this.options.timeoutSeconds,
      timeout: () => this.timeout(),
    });
  }

  async lookOnce(): Promise<{ standings: Standing[]; objects: Snapshot }> {
    const objects = await this.look();
    this.standings = this.judgeFlux(objects);
    const released = millisecondsOf(objects.release?.status?.history?.[0]?.lastDeployed);
    const pods = await this.judgePods(objects, (this.clock.now() - released) / 1000);
    return { standings: [...this.standings, ...pods], objects };
  }

  private async poll(): Promise<ReleaseResult | undefined> {
    const snapshot = await this.look();
    this.acceptNewerCommit(snapshot);
    this.standings = this.judgeFlux(snapshot);
    this.podsBefore ??= this.hasTried(snapshot) ? "" : podsOf(snapshot.target);
    const fluxIsThrough = this.standings.every(({ arrived }) => arrived);
    if (fluxIsThrough || this.isReleasing(snapshot)) this.standings.push(...(await this.judgePods(snapshot)));
    for (const standing of this.standings) this.say(standing);
    // What comes after a link that has not arrived still shows the version before.
    const open = this.standings.findIndex(({ arrived }) => !arrived);
    if (open < 0) return this.result(snapshot);
    for (const standing of this.standings.slice(open)) {
      if (standing === this.standings[open] || standing.link === "Deployment") this.refuseHopeless(standing);
    }
    return undefined;
  }

  // --- looking --------------------------------------------------------------------------------------------------------

  private async look(): Promise<Snapshot> {
    const { namespace, helmRelease } = this.options;
    const { sync, deployment } = this;
    const [source, kustomization, release, canary, target, primary, syncEvents, events] = await Promise.all([
      this.find<GitRepository>("GitRepository", sync.namespace, sync.source),
      this.find<Kustomization>("Kustomization", sync.namespace, sync.kustomization),
      this.find<HelmRelease>("HelmRelease", namespace, helmRelease),
      this.find<Canary>("Canary", namespace, deployment),
      this.find<V1Deployment>("Deployment", namespace, deployment),
      this.find<V1Deployment>("Deployment", namespace, `${deployment}-primary`),
      this.api.listEvents(sync.namespace),
      this.api.listEvents(namespace),
    ]);
    const reference = release?.spec?.chart?.spec?.sourceRef;
    const [chartNamespace, chartName] = chartOf(release, namespace);
    const [chartSource, chart] = await Promise.all([
      reference?.kind === "GitRepository" && reference.name
        ? this.find<GitRepository>("GitRepository", reference.namespace ?? namespace, reference.name)
        : undefined,
      chartName ? this.find<HelmChart>("HelmChart", chartNamespace, chartName) : undefined,
    ]);
    return { source, kustomization, release, canary, target, primary, chartSource, chart, syncEvents, events };
  }

  private async find<T>(link: Link, namespace: string, name: string): Promise<T | undefined> {
    return (await this.api.findObject({ apiVersion: API[link], kind: link, namespace, name })) as T | undefined;
  }

  /** Of two commits that were pushed within one of Flux's intervals, it fetches the second only. */
  private acceptNewerCommit({ source, chartSource }: Snapshot): void {
    const fetched = commitOf(source?.status?.artifact?.revision);
    this.firstCommit ??= fetched;
    if (fetched && this.holdsWanted(fetched)) this.commit = fetched;
    // The chart's source is fetched at a time of its own.
    const ofChart = commitOf(chartSource?.status?.artifact?.revision);
    if (ofChart) this.holdsWanted(ofChart);
  }

  /** Asks beside the polls, for the answer takes a clone; one that failed is asked for again. */
  private holdsWanted(commit: string): boolean {
    const { revision, contains, log } = this.options;
    if (!revision || !contains || hasCommit(commit, revision)) return false;
    // What was there when the wait began is most likely what the wanted commit came after.
    if (commit === this.firstCommit && this.seconds() < FIRST_COMMIT_SECONDS) return false;
    const known = this.judged.get(commit);
    if (known !== undefined) return known;
    // Where each clone is refused, they come ever more seldom: after 1, 4, 9 … seconds.
    const { times, at } = this.untold.get(commit) ?? { times: 0, at: 0 };
    if (times > 0 && this.clock.now() - at < 1000 * times ** 2) return false;
    this.judged.set(commit, false);
    const judge = (holds: boolean) => {
      this.judged.set(commit, holds);
      if (holds) log(`Flux has fetched ${commit.slice(0, 7)}, which came after ${revision.slice(0, 7)} and holds it`);
    };
    const later = () => {
      this.judged.delete(commit);
      this.untold.set(commit, { times: times + 1, at: this.clock.now() });
    };
    contains(commit).then(judge, later);
    return false;
  }

  // --- judging --------------------------------------------------------------------------------------------------------

  private judgeFlux(snapshot: Snapshot): Standing[] {
    const { source, kustomization, release, chartSource, chart, syncEvents, events } = snapshot;
    const { namespace, helmRelease, tag, revision } = this.options;
    const inSync = (name: string): View => ({
      namespace: this.sync.namespace,
      name,
      events: syncEvents,
      patience: this.patience,
    });
    const git = this.overtaken(judgeGitRepository(source, this.commit, inSync(this.sync.source)), source);
    const wanted = this.commit ?? source?.status?.artifact?.revision;
    const standings = [git, judgeKustomization(kustomization, wanted, inSync(this.sync.kustomization))];
    const inNamespace = (name: string): View => ({ namespace, name, events, patience: this.patience });
    const reference = release?.spec?.chart?.spec?.sourceRef;
    if (reference?.kind === "GitRepository" && reference.name) {
      const isOther = reference.name !== this.sync.source || (reference.namespace ?? namespace) !== this.sync.namespace;
      const view = { ...inNamespace(reference.name), namespace: reference.namespace ?? namespace };
      if (isOther) standings.push(judgeGitRepository(chartSource, this.sameRepository(snapshot), view));
    }
    const [chartNamespace, chartName] = chartOf(release, namespace);
    if (chartName) {
      const madeFrom = chartSource?.status?.artifact?.revision;
      const path = release?.spec?.chart?.spec?.chart;
      const view = { ...inNamespace(chartName), namespace: chartNamespace };
      standings.push(judgeHelmChart(chart, { revision: madeFrom, path }, view));
    }
    const chartVersion = chart?.status?.artifact?.revision;
    const commit = revision && kustomization?.status?.lastAppliedRevision;
    standings.push(
      judgeHelmRelease(
        release,
        { chartVersion, tag, commit: commit ? commitOf(commit) : undefined },
        inNamespace(helmRelease),
      ),
    );
    return standings;
  }

  /** The commit that the chart's source must have: that of the sync, when both are one repository and one branch. */
  private sameRepository({ source, chartSource }: Snapshot): string | undefined {
    const place = (object: GitRepository | undefined) =>
      `${withoutGitEnd(object?.spec?.url ?? "")}#${branchOf(object?.spec?.ref) ?? JSON.stringify(object?.spec?.ref)}`;
    if (!chartSource || place(source) !== place(chartSource)) return undefined;
    const own = commitOf(chartSource.status?.artifact?.revision);
    return own && this.judged.get(own) ? own : this.commit;
  }

  private overtaken(standing: Standing, source: GitRepository | undefined): Standing {
    const fetched = commitOf(source?.status?.artifact?.revision);
    const isOther = fetched !== undefined && fetched !== this.firstCommit;
    if (standing.arrived || standing.trouble || !isOther || !this.commit) return standing;
    return {
      ...standing,
      trouble: {
        what: `Flux has fetched ${fetched.slice(0, 7)} and not ${this.commit.slice(0, 7)}`,
        cause: "another commit came after it, or it was pushed to another branch or repository",
        next: `git log --oneline -5 origin/${branchOf(source?.spec?.ref) ?? "main"}`,
        bearableSeconds: this.patience.overtakenWithinSeconds,
      },
    };
  }

  /** Whether the pods that Helm makes are those of the new version. */
  private isReleasing(snapshot: Snapshot): boolean {
    const { kustomization, release, target } = snapshot;
    if (!release) return false;
    const { revision, tag } = this.options;
    const hasTag = tag !== undefined && deployedTag(target) === tag;
    // A commit that mends values or the chart may leave the tag as it is: then the pods from before have it too.
    if (hasTag && podsOf(target) === this.podsBefore) return false;
    const applied = revision && hasCommit(kustomization?.status?.lastAppliedRevision, this.commit ?? revision);
    // helm-controller releases the new values with the chart that it has, and the commit's chart after that: a tag that can't
    // come good holds the first of the two up for minutes.
    return (applied && hasTag) || this.hasTried(snapshot);
  }

  /** Whether helm-controller has worked on what Flux has brought, be it without success. */
  private hasTried({ release, chart }: Snapshot): boolean {
    if (!release) return false;
    const beforeRelease = this.standings.slice(0, -1);
    return beforeRelease.every(({ arrived }) => arrived) && hasAttempted(release, chart?.status?.artifact?.revision);
  }

  private async judgePods(snapshot: Snapshot, unchangedSeconds?: number): Promise<Standing[]> {
    const { canary, target, primary, release, events } = snapshot;
    const { namespace, helmRelease } = this.options;
    const tag = this.options.tag ?? wantedTag(release);
    const standings = [await this.judgeDeployment(target, this.deployment, tag, { isFlaggers: canary !== undefined })];
    if (canary && !canary.metadata?.deletionTimestamp) {
      const { phase, lastAppliedSpec, lastPromotedSpec } = canary.status ?? {};
      const state = [phase, lastAppliedSpec, lastPromotedSpec, target?.metadata?.generation, tag].join();
      const view: CanaryView = {
        namespace,
        name: this.deployment,
        events,
        patience: this.patience,
        target,
        primary,
        tag,
        released: millisecondsOf(release?.status?.history?.[0]?.lastDeployed),
        unchangedSeconds: unchangedSeconds ?? this.lasting("Canary", state),
      };
      await this.pods.look(this.api, canary, target);
      const isAsked = await this.insistOnAnalysis(canary, view);
      if (primary && /^(Promoting|Finalising|Initializing)$/.test(phase ?? ""))
        standings.push(await this.judgePrimary(primary));
      const { trouble, ...standing } = judgeCanary(canary, isAsked ? { ...view, unchangedSeconds: 0 } : view);
      standings.push({ ...standing, ...(trouble && { trouble: withPods(trouble, this.pods.evidence()) }) });
    }
    const failed = this.standings.at(-1);
    const isTest = failed?.link === "HelmRelease" && /test failed/i.test(failed.trouble?.cause ?? "");
    if (isTest) await this.addTestPods(failed, helmRelease);
    return standings;
  }

  /** @returns whether Flagger has been asked just now, or is to be asked again: what is known of the Canary is from before */
  private async insistOnAnalysis(canary: Canary, view: CanaryView): Promise<boolean> {
    if (this.hasAsked || !this.options.askForAnalysis || !isPassedOver(canary, view)) return false;
    this.hasAsked = await this.options.askForAnalysis(canary);
    return true;
  }

  /** Users get the new version alone when the old pods have ended: who sends requests meanwhile sees them drain. */
  private async judgePrimary(primary: V1Deployment): Promise<Standing> {
    return await this.judgeDeployment(primary, `${this.deployment}-primary`, undefined, { untilOldPodsAreGone: true });
  }

  private async judgeDeployment(
    deployment: V1Deployment | undefined,
    name: string,
    tag: string | undefined,
    { isFlaggers, ...options }: Pick<RolloutOptions, "untilOldPodsAreGone"> & { isFlaggers?: boolean } = {},
  ): Promise<Standing> {
    const { namespace, podPatience, clock } = this.options;
    const base = { link: "Deployment" as const, name: `${namespace}/${name}` };
    if (!deployment) return { ...base, arrived: false, text: "is not there yet" };
    const running = deployedTag(deployment);
    if (tag && running !== tag) return { ...base, arrived: false, text: `has ${running}, waits for ${tag}` };
    try {
      const { standing, unready, result } = await lookAtRollout(this.api, {
        namespace,
        deployment: name,
        ...options,
        ...(podPatience && { patience: podPatience }),
        ...(clock && { clock }),
      });
      if (name === this.deployment) this.pods.note(unready);
      const isIdle = result !== undefined && deployment.spec?.replicas === 0;
      const where = isIdle ? `has no replicas${isFlaggers ? ": Flagger has scaled it down" : ""}` : standing;
      return { ...base, arrived: result !== undefined, text: `${running ?? "?"}: ${where}` };
    } catch (error) {
      if (!(error instanceof RolloutFailure)) throw error;
      const trouble = podTrouble(error, namespace, name);
      return { ...base, arrived: false, text: trouble.what, trouble };
    }
  }

  /** The pods of `helm test` stay after a failure, and say more than Helm does. */
  private async addTestPods(standing: Standing, release: string): Promise<void> {
    const diagnosis = await diagnosePods(this.api, {
      namespace: this.options.namespace,
      selector: `app.kubernetes.io/instance=${release}`,
      ...(this.options.clock && { clock: this.options.clock }),
    }).catch(() => undefined);
    const trouble = standing.trouble;
    if (!diagnosis || !trouble) return;
    const evidence = [...(trouble.evidence ?? []), ...formatDiagnosis(diagnosis).split("\n")];
    this.standings[this.standings.length - 1] = { ...standing, trouble: { ...trouble, evidence } };
  }

  // --- ending ---------------------------------------------------------------------------------------------------------

  private refuseHopeless(standing: Standing): void {
    const { trouble, link, name } = standing;
    // The words of the same trouble differ from try to try: temporary folders, times.
    const lasting = this.lasting(`${link} ${name} trouble`, trouble?.what ?? "");
    if (!trouble) return;
    if (isSeenEnough(trouble) || lasting >= trouble.bearableSeconds) throw this.failure(standing, trouble);
  }

  private failure({ link, name }: Standing, trouble: Trouble): ReleaseFailure {
    const seconds = Math.round(this.seconds());
    const text = `${trouble.what}: ${trouble.cause}`;
    this.timeline.push({ at: this.seconds(), link, name, text, state: "failed" });
    return this.fail(link, [
      `${link} ${name} can't come good (given up after ${seconds} s): ${trouble.what}`,
      ...this.explain(trouble),
    ]);
  }

  private timeout(): ReleaseFailure {
    const standing = this.standings.find(({ arrived }) => !arrived);
    const where = standing ? `${standing.link} ${standing.name}: ${standing.text}` : "the cluster did not answer";
    return this.fail(standing?.link ?? "GitRepository", [
      `The release is not out after ${Math.round(this.seconds())} s; it waits for ${where}`,
      ...(standing?.trouble ? this.explain(standing.trouble) : [`Next: ${this.describe(standing)}`]),
      toWaitLonger(this.options.timeoutSeconds),
    ]);
  }

  private fail(link: Link, lines: readonly string[]): ReleaseFailure {
    const chain = this.standings.map((one) => `  ${one.link} ${one.name}: ${one.text}`);
    const message = [...lines, "The chain:", ...chain].join("\n");
    return new ReleaseFailure(message, link, this.seconds(), this.timeline);
  }

  private explain({ cause, next, evidence = [] }: Trouble): string[] {
    return [`Likely cause: ${cause}`, `Next: ${next}`, ...evidence.map((line) => `  ${line}`)];
  }

  private describe(standing: Standing | undefined): string {
    if (!standing) return "kubectl cluster-info";
    const [namespace, name] = standing.name.split("/");
    return `kubectl -n ${namespace} describe ${standing.link.toLowerCase()} ${name}`;
  }

  private result({ target, primary }: Snapshot): ReleaseResult {
    const serving = this.standings.some(({ link }) => link === "Canary") ? primary : target;
    return {
      seconds: this.seconds(),
      tag: deployedTag(serving),
      timeline: this.timeline,
    };
  }

  private begin(revision: string): void {
    const name = `${this.options.namespace}/${this.options.helmRelease}`;
    this.timeline.push({ at: 0, link: "Commit", name, text: `${revision.slice(0, 7)} is in git`, state: "arrived" });
  }

  private say({ link, name, text: line, arrived }: Standing): void {
    const key = `${link} ${name}`;
    if (this.said.get(key) === line) return;
    this.said.set(key, line);
    this.timeline.push({ at: this.seconds(), link, name, text: line, state: arrived ? "arrived" : "waiting" });
    this.options.log(`[${this.seconds().toFixed(1).padStart(5)} s] ${key}: ${line}`);
  }

  /** For how many seconds something has been in this state. */
  private lasting(what: string, state: string): number {
    const known = this.since.get(what);
    if (known?.state === state) return (this.clock.now() - known.at) / 1000;
    this.since.set(what, { state, at: this.clock.now() });
    return 0;
  }

  private seconds(): number {
    return (this.clock.now() - this.started) / 1000;
  }
}

function deployedTag(deployment: V1Deployment | undefined): string | undefined {
  return imageTag(deployment?.spec?.template.spec?.containers[0]?.image);
}

/** What a Deployment's pods are made of, which scaling leaves as it is. */
function podsOf(deployment: V1Deployment | undefined): string {
  return deployment ? JSON.stringify(deployment.spec?.template) : "";
}

/** The namespace and name of the HelmChart of a HelmRelease; none for one with a `chartRef`. */
function chartOf(release: HelmRelease | undefined, namespace: string): [string, string | undefined] {
  const spec = release?.spec?.chart?.spec;
  if (!spec) return [namespace, undefined];
  const [inNamespace, name] = release?.status?.helmChart?.split("/") ?? [];
  return inNamespace && name
    ? [inNamespace, name]
    : [spec.sourceRef?.namespace ?? namespace, `${namespace}-${release?.metadata?.name}`];
}

function podTrouble({ diagnosis, message }: RolloutFailure, namespace: string, name: string): Trouble {
  if (!diagnosis) {
    const [what = "", ...evidence] = message.split("\n");
    const next = `kubectl -n ${namespace} describe deployment ${name}`;
    return { what, cause: "its pods say why", next, evidence, bearableSeconds: 0 };
  }
  const [, , , ...evidence] = formatDiagnosis(diagnosis).split("\n");
  const { what, where, cause, next } = diagnosis;
  return { what: `${what} (${where})`, cause, next, evidence, bearableSeconds: 0 };
}
