import type { EnvironmentEntry } from "./environments.js";
import type { IgnoreRule } from "./ignoreRules.js";
import type { ClusterObject, ObjectReference } from "./kubernetes.js";
import type { CoreV1Event } from "./rollout.js";

/** A condition of an object of Flux or Flagger. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
  /** Flagger's conditions have it, Flux's don't. */
  readonly lastUpdateTime?: string;
}

/** What the kinds of Flux have in common. */
interface FluxObject<Spec, Status> extends Omit<ClusterObject, "spec" | "status"> {
  readonly spec?: Spec & { readonly suspend?: boolean; readonly interval?: string };
  readonly status?: Status & { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
}

interface Artifact {
  /** `main@sha1:<commit>`, with `refs/heads/` before it where the reference is given in full; or a chart's version. */
  readonly revision?: string;
  readonly lastUpdateTime?: string;
  /** Where source-controller serves it in the cluster. */
  readonly url?: string;
  /** `sha256:<hash>` */
  readonly digest?: string;
}

interface SourceReference {
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** What a GitRepository follows; it may be a tag or a commit too. */
export interface GitReference {
  readonly branch?: string;
  /** In full, as `refs/heads/main`: so the Flux operator has it. */
  readonly name?: string;
}

/** A GitRepository of source.toolkit.fluxcd.io/v1; here and below only the fields that are read. */
export type GitRepository = FluxObject<
  {
    readonly url?: string;
    readonly ref?: GitReference;
    readonly secretRef?: { readonly name?: string };
  },
  { readonly artifact?: Artifact }
>;

/** A Kustomization of kustomize.toolkit.fluxcd.io/v1. */
export type Kustomization = FluxObject<
  { readonly path?: string; readonly sourceRef?: SourceReference; readonly ignore?: readonly IgnoreRule[] },
  { readonly lastAppliedRevision?: string; readonly lastAttemptedRevision?: string }
>;

/** A HelmChart of source.toolkit.fluxcd.io/v1, which helm-controller makes for a HelmRelease. */
export type HelmChart = FluxObject<
  { readonly chart?: string; readonly sourceRef?: SourceReference },
  { readonly artifact?: Artifact; readonly observedSourceArtifactRevision?: string }
>;

/** One release of Helm, as helm-controller remembers it. */
export interface HelmSnapshot {
  readonly name?: string;
  readonly namespace?: string;
  readonly version?: number;
  readonly status?: string;
  readonly chartVersion?: string;
  readonly lastDeployed?: string;
}

/** A HelmRelease of helm.toolkit.fluxcd.io/v2. */
export type HelmRelease = FluxObject<
  {
    readonly chart?: { readonly spec?: { readonly chart?: string; readonly sourceRef?: SourceReference } };
    readonly chartRef?: SourceReference;
    readonly values?: { readonly image?: { readonly tag?: unknown } };
    readonly driftDetection?: { readonly mode?: string; readonly ignore?: readonly IgnoreRule[] };
  },
  {
    readonly storageNamespace?: string;
    readonly helmChart?: string;
    readonly lastAttemptedGeneration?: number;
    readonly lastAttemptedRevision?: string;
    readonly lastAttemptedReleaseAction?: string;
    readonly failures?: number;
    readonly installFailures?: number;
    readonly upgradeFailures?: number;
    readonly history?: readonly HelmSnapshot[];
  }
>;

/** The tag that a HelmRelease asks for. */
export function wantedTag(release: HelmRelease | undefined): string | undefined {
  const tag = release?.spec?.values?.image?.tag;
  return typeof tag === "string" ? tag : undefined;
}

/** A metric of a canary's analysis. */
export interface CanaryMetric {
  readonly name?: string;
  readonly thresholdRange?: { readonly min?: number; readonly max?: number };
}

/** A Canary of flagger.app/v1beta1. */
export interface Canary extends Omit<ClusterObject, "spec" | "status"> {
  readonly spec?: {
    readonly suspend?: boolean;
    readonly skipAnalysis?: boolean;
    readonly provider?: string;
    readonly targetRef?: { readonly name?: string };
    readonly analysis?: {
      readonly interval?: string;
      readonly iterations?: number;
      readonly threshold?: number;
      readonly maxWeight?: number;
      readonly metrics?: readonly CanaryMetric[];
    };
  };
  readonly status?: {
    readonly phase?: string;
    readonly failedChecks?: number;
    readonly canaryWeight?: number;
    readonly iterations?: number;
    readonly lastAppliedSpec?: string;
    readonly lastPromotedSpec?: string;
    readonly lastTransitionTime?: string;
    readonly conditions?: readonly Condition[];
  };
}

/** The API versions of the kinds in the chain. */
export const API = {
  GitRepository: "source.toolkit.fluxcd.io/v1",
  HelmChart: "source.toolkit.fluxcd.io/v1",
  Kustomization: "kustomize.toolkit.fluxcd.io/v1",
  HelmRelease: "helm.toolkit.fluxcd.io/v2",
  Deployment: "apps/v1",
  Canary: "flagger.app/v1beta1",
} as const;

/** An environment's HelmRelease. */
export const helmReleaseOf = ({ namespace, helmRelease: name }: EnvironmentEntry): ObjectReference => ({
  apiVersion: API.HelmRelease,
  kind: "HelmRelease",
  namespace,
  name,
});

/** The links of the chain, from the commit to the pods. */
export type Link = keyof typeof API;

/** The condition of this type, if the object has one. */
export function conditionOf(
  object: { readonly status?: { readonly conditions?: readonly Condition[] } } | undefined,
  type: string,
): Condition | undefined {
  return object?.status?.conditions?.find((candidate) => candidate.type === type);
}

/** Whether a condition of this type holds for the object's present spec. */
export function holds(
  object: {
    readonly metadata?: { readonly generation?: number };
    readonly status?: { readonly conditions?: readonly Condition[] };
  },
  type: string,
): boolean {
  const found = conditionOf(object, type);
  return found?.status === "True" && isPresent(object, found);
}

/** Whether a condition was set with the object's present spec in view. */
export function isPresent(
  object: { readonly metadata?: { readonly generation?: number } },
  condition: Condition,
): boolean {
  return (condition.observedGeneration ?? Number.POSITIVE_INFINITY) >= (object.metadata?.generation ?? 0);
}

/** The commit in `main@sha1:<commit>`; Flux before 2.0 wrote `main/<commit>`. */
export function commitOf(revision: string | undefined): string | undefined {
  return /(?:sha\d+:|\/|^)([0-9a-f]{7,64})$/.exec(revision ?? "")?.[1];
}

const BRANCH = "refs/heads/";

/** The branch that a source follows, which Flux knows by two names; none where it is something else, as a tag. */
export function branchOf(ref: GitReference | undefined): string | undefined {
  if (!ref || Object.keys(ref).length === 0) return "master"; // Flux's own default
  if (ref.name === undefined) return ref.branch;
  return ref.name.startsWith(BRANCH) ? ref.name.slice(BRANCH.length) : undefined;
}

/** As the Flux operator on EKS names it. */
export const branchReference = (branch: string): GitReference => ({ name: `${BRANCH}${branch}` });

/** Whether a revision is of this commit, which may be shortened. */
export function hasCommit(revision: string | undefined, commit: string): boolean {
  const found = commitOf(revision);
  return found !== undefined && (found.startsWith(commit) || commit.startsWith(found));
}

/** A revision as a person reads it: `main@1234567`. */
export function shortRevision(revision: string | undefined): string {
  if (!revision) return "none";
  return revision.replace(BRANCH, "").replace(/(?:sha\d+:)?([0-9a-f]{7})[0-9a-f]{33,57}$/, "$1");
}

/** The events about an object of this kind and name. */
export function eventsAbout(link: string, name: string, events: readonly CoreV1Event[]): CoreV1Event[] {
  return events.filter(({ involvedObject }) => involvedObject.kind === link && involvedObject.name === name);
}

/** When an event was last seen, in milliseconds. */
export function timeOf(event: CoreV1Event): number {
  return millisecondsOf(
    event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp,
  );
}

/** A moment of the API server as milliseconds; 0 when there is none. */
export function millisecondsOf(moment: Date | string | undefined): number {
  const time = moment ? new Date(moment).getTime() : 0;
  return Number.isNaN(time) ? 0 : time;
}

/** A Go duration (`1m30s`) in seconds. */
export function durationSeconds(duration: string | undefined): number | undefined {
  if (!duration || !/^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/.test(duration)) return undefined;
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001 };
  return [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0),
    0,
  );
}

/** The tag of an image reference; a port of its registry is none, nor is a digest. */
export function imageTag(image: string | undefined): string | undefined {
  return /:([^:/]+)$/.exec(image?.replace(/@.*/, "") ?? "")?.[1];
}
