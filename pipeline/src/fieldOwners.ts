import type { ClusterObject } from "./kubernetes.js";

/** A key of a map, or an item of a list: by its name where all items have one, else by its place. */
export interface PathStep {
  readonly key: string | number;
  /** The item itself; none for a key of a map. */
  readonly item?: unknown;
}

/** The way to a field from its object. */
export type FieldPath = readonly PathStep[];

/** Fields as `metadata.managedFields` lists them: `f:` keys of a map, `k:` `v:` and `i:` items of a list, `.` itself. */
export interface FieldSet {
  readonly [key: string]: FieldSet;
}

/** Who has set which fields. */
export interface Owner {
  readonly manager: string;
  readonly operation: string;
  readonly fields: FieldSet;
}

/**
 * By which names people's tools sign what they set (client-go: the program's name, kubectl: with its command); those of the
 * cluster's controllers are none of these.
 */
const PEOPLES_TOOLS =
  /^(kubectl|k9s|lens|node-fetch|mozilla|helm$|flux$|before-first-apply|helloworld-infrastructure$)/i;

/** Flagger, and the controllers of Kubernetes itself, such as the one of HorizontalPodAutoscalers. */
const CONTROLLERS = /^(flagger|kube-controller-manager)$/;

/** Who has set an object's fields, but for its status. */
export function ownersOf({ metadata }: ClusterObject): Owner[] {
  return (metadata?.managedFields ?? [])
    .filter(({ subresource }) => subresource !== "status")
    .map(({ manager = "", operation = "", fieldsV1 }) => ({
      manager,
      operation,
      fields: (fieldsV1 ?? {}) as FieldSet,
    }));
}

/** Whether a controller has set this field, which then is not for git to say. */
export function isControllers(path: FieldPath, owners: readonly Owner[]): boolean {
  return owners.some(({ manager, fields }) => CONTROLLERS.test(manager) && owns(fields, path));
}

/**
 * The fields that people's tools have set in an object and that are not among those of git.
 *
 * @param ofGit the fields that Flux applies
 */
export function addedByPeople(object: ClusterObject, ofGit: FieldSet): FieldPath[] {
  return ownersOf(object)
    .filter(({ manager }) => PEOPLES_TOOLS.test(manager))
    .flatMap(({ fields }) => added(fields, ofGit, object, []));
}

function owns(fields: FieldSet, [step, ...rest]: FieldPath): boolean {
  // Whose set ends here owns all that is below.
  if (!step || Object.keys(fields).length === 0) return true;
  const child = Object.entries(fields).find(([key]) => leadsTo(key, step))?.[1];
  return child !== undefined && owns(child, rest);
}

function added(own: FieldSet, ofGit: FieldSet | undefined, value: unknown, path: FieldPath): FieldPath[] {
  return Object.entries(own).flatMap(([key, fields]) => {
    const step = stepOf(key, value);
    const theirs = ofGit?.[key];
    if (!step || (theirs && isLeaf(theirs))) return [];
    const here = [...path, step];
    const isWholeItem = step.item !== undefined && !theirs;
    if (isWholeItem || isLeaf(fields)) return theirs ? [] : [here];
    return added(fields, theirs, valueAt(value, step), here);
  });
}

const isLeaf = (fields: FieldSet) => Object.keys(fields).every((key) => key === ".");

function leadsTo(key: string, { key: name, item }: PathStep): boolean {
  if (item === undefined) return key === `f:${name}`;
  return isItem(key, item, name);
}

function isItem(key: string, item: unknown, place: string | number): boolean {
  const [kind, text] = [key.slice(0, 2), key.slice(2)];
  if (kind === "i:") return Number(text) === place;
  if (kind === "v:") return JSON.stringify(item) === text;
  if (kind !== "k:") return false;
  const keys = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return keys.every(([name, value]) => (item as Record<string, unknown> | null)?.[name] === value);
}

function stepOf(key: string, value: unknown): PathStep | undefined {
  if (key.startsWith("f:")) return isMap(value) && key.slice(2) in value ? { key: key.slice(2) } : undefined;
  if (!Array.isArray(value)) return undefined;
  const place = value.findIndex((item, index) => isItem(key, item, index));
  return place < 0 ? undefined : itemStep(value, place);
}

/** The step to an item of a list. */
export function itemStep(list: readonly unknown[], place: number): PathStep {
  const item = list[place];
  return { key: namesOf(list)?.[place] ?? place, item };
}

/** The names of a list's items; nothing when they have none, or not each its own. */
export function namesOf(list: readonly unknown[]): string[] | undefined {
  const names = list.map((item) => (isMap(item) ? item.name : undefined));
  return names.every((name) => typeof name === "string") && new Set(names).size === names.length ? names : undefined;
}

/** What lies behind a step; nothing when it leads nowhere. */
export function valueAt(value: unknown, { key, item }: PathStep): unknown {
  if (item === undefined) return isMap(value) ? value[key] : undefined;
  if (!Array.isArray(value)) return undefined;
  return typeof key === "number" ? value[key] : value[namesOf(value)?.indexOf(key) ?? -1];
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
