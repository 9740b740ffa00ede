import {
  addedByPeople,
  type FieldPath,
  type FieldSet,
  isControllers,
  isMap,
  itemStep,
  namesOf,
  ownersOf,
  valueAt,
} from "./fieldOwners.js";
import { without } from "./ignoreRules.js";
import type { ClusterObject } from "./kubernetes.js";

/** A field that is not on the cluster as git says. */
export interface FieldDrift {
  /** `spec.template.spec.containers[app].image` */
  readonly field: string;
  /** Undefined when git says nothing of it. */
  readonly inGit: unknown;
  /** Undefined when the cluster does not have it. */
  readonly onCluster: unknown;
}

/** What stands for a Secret's values. */
export const HIDDEN = "(secret)";

/** An object as the cluster has it, and as it would be if Flux applied it now. */
export interface Comparison {
  readonly live: ClusterObject;
  /** The answer to Flux's server-side apply, as a dry run: so defaults are on both sides. */
  readonly applied: ClusterObject;
  /** By which name Flux applies it. */
  readonly manager: string;
  /** JSON pointers to what is not compared. */
  readonly ignore: readonly string[];
  /** What the API server would make of git's object if there were none yet, where that is known. */
  readonly fresh?: ClusterObject;
}

/**
 * The fields in which an object is not as git says: those that Flux would set to another value, or remove, and those that
 * people have added, of which Flux knows nothing. What Flagger or an autoscaler has set is neither, nor is the status. A
 * Secret's values are compared and not returned.
 */
export function fieldDrift({ live, applied, manager, ignore, fresh }: Comparison): FieldDrift[] {
  const [here, git] = [comparable(live, ignore), comparable(applied, ignore)];
  const owners = ownersOf(live);
  const changed = differences(git, here, [])
    // A label or annotation that an apply would remove is a controller's more often than not: Flux passes over them too.
    .filter(({ path, inGit }) => !(path[0]?.key === "metadata" && inGit === undefined))
    .filter(({ path }) => !isControllers(path, owners));
  const ofGit = ownersOf(applied).find((owner) => owner.manager === manager && owner.operation === "Apply");
  const added = addedFields(live, here, ofGit?.fields ?? {}).filter((one) => !isDefault(one, fresh));
  const known = new Set(changed.map(({ path }) => fieldText(path)));
  return [...changed, ...added.filter(({ path }) => !known.has(fieldText(path)))].map((one) => told(one, live.kind));
}

/** Signs of Flux, kubectl and the API server that change nothing; kubectl's holds the values of a Secret. */
const SIGNS =
  /^(kubectl\.kubernetes\.io\/last-applied-configuration$|reconcile\.fluxcd\.io\/|kubernetes\.io\/metadata\.name$)/;

/** What is compared of an object: all but its status and those metadata that the API server makes. */
function comparable(object: ClusterObject, ignore: readonly string[]): Record<string, unknown> {
  const { apiVersion, kind, metadata, status, ...rest } = without(object, ignore);
  const significant = (marks: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(marks).filter(([key]) => !SIGNS.test(key)));
  const marks = { labels: significant(metadata?.labels), annotations: significant(metadata?.annotations) };
  return { metadata: marks, ...rest };
}

interface Difference {
  readonly path: FieldPath;
  readonly inGit: unknown;
  readonly onCluster: unknown;
}

function differences(git: unknown, live: unknown, path: FieldPath): Difference[] {
  if (isMap(git) && isMap(live))
    return [...new Set([...Object.keys(git), ...Object.keys(live)])].flatMap((key) =>
      differences(git[key], live[key], [...path, { key }]),
    );
  if (Array.isArray(git) && Array.isArray(live)) return listDifferences(git, live, path);
  return git === live ? [] : [{ path, inGit: git, onCluster: live }];
}

function listDifferences(git: readonly unknown[], live: readonly unknown[], path: FieldPath): Difference[] {
  // A list that has lost its last item has no names, and none that another name would be taken for.
  const isNamed = namesOf(git) !== undefined && namesOf(live) !== undefined;
  const steps = [git, live].flatMap((list) =>
    list.map((item, place) => (isNamed ? itemStep(list, place) : { key: place, item })),
  );
  const unique = [...new Map(steps.map((step) => [step.key, step])).values()];
  return unique.flatMap((step) => differences(valueAt(git, step), valueAt(live, step), [...path, step]));
}

function addedFields(live: ClusterObject, here: Record<string, unknown>, ofGit: FieldSet): Difference[] {
  return addedByPeople(live, ofGit)
    .map((path) => ({ path, inGit: undefined, onCluster: path.reduce(valueAt, here as unknown) }))
    .filter(({ onCluster }) => onCluster !== undefined);
}

/** Whether an added field has the value that it would have anyway: who makes an object owns its defaults too. */
function isDefault({ path, onCluster }: Difference, fresh: ClusterObject | undefined): boolean {
  const value = path.reduce(valueAt, fresh as unknown);
  return value !== undefined && differences(value, onCluster, path).length === 0;
}

function told({ path, inGit, onCluster }: Difference, kind: string | undefined): FieldDrift {
  const hide = (value: unknown) => (value !== undefined && kind === "Secret" && isValue(path) ? HIDDEN : value);
  return { field: fieldText(path), inGit: hide(inGit), onCluster: hide(onCluster) };
}

/** Whether a field of a Secret may hold what is to be kept: anything but its labels and type. */
const isValue = ([first, second]: FieldPath) => first?.key !== "type" && second?.key !== "labels";

/** A path as it is read: keys with dots or slashes, and items, in brackets. */
function fieldText(path: FieldPath): string {
  return path
    .map(({ key, item }) => (item === undefined && /^[\w-]+$/.test(`${key}`) ? `.${key}` : `[${key}]`))
    .join("")
    .replace(/^\./, "");
}
