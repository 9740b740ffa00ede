import { ClusterError } from "./clusterErrors.js";
import { type DesiredObject, type DesiredState, ofHelmRelease, ofKustomization } from "./desiredState.js";
import type { EnvironmentEntry } from "./environments.js";
import { type FieldDrift, fieldDrift, HIDDEN } from "./fieldDrift.js";
import { API, type HelmRelease, type Kustomization } from "./fluxObjects.js";
import type { Cluster, ClusterObject, ObjectReference } from "./kubernetes.js";
import { cell, markdownTable } from "./report.js";

/** An object that is not on the cluster as git says. */
export interface ObjectDrift {
  /** `Deployment helloworld/helloworld` */
  readonly name: string;
  /** The fields that differ; the object itself when it is gone, or git's can't be applied to it. */
  readonly fields: readonly FieldDrift[] | "is gone" | { readonly refused: string };
}

/** What was compared, and what came of it. */
export interface ClusterDrift {
  readonly states: readonly DesiredState[];
  readonly drifted: readonly ObjectDrift[];
}

/** Whose the object would be that shows only the API server's defaults. */
const FRESH_MANAGER = "helloworld-infrastructure";

/** What comparing needs of a cluster. */
type DriftApi = Pick<Cluster, "findRaw" | "dryRunApply">;

/**
 * Compares a cluster with what git says, and changes neither: each object of Flux's Kustomizations and HelmReleases, as Flux
 * compares them itself, by a server-side apply under Flux's name that is a dry run. What people's tools have added besides is
 * known by the fields that they own (fluxcd.io: HelmRelease, drift detection; kubernetes.io: Server-Side Apply).
 *
 * @throws ClusterError, also when what the caller may do is not enough, or Error when there is no Flux
 */
export async function findClusterDrift(api: Cluster, { name }: EnvironmentEntry): Promise<ClusterDrift> {
  const [kustomizations, releases] = await Promise.all([
    allOf<Kustomization>(api, "Kustomization"),
    allOf<HelmRelease>(api, "HelmRelease"),
  ]);
  if (!kustomizations && !releases)
    throw new Error(`There is no Flux in ${name}: nothing there follows git. Is it the right cluster?`);
  const states = await Promise.all([
    ...(kustomizations ?? []).map((one) => ofKustomization(api, one)),
    ...(releases ?? []).map((one) => ofHelmRelease(api, one)),
  ]);
  if (objectsOf(states) === 0)
    throw new Error(
      [
        `Nothing in ${name} could be compared with git, which is no proof that nothing differs.`,
        ...comparedWith(states),
        `Next: dagger call status --env ${name}`,
      ].join("\n"),
    );
  const compared = await Promise.all(states.flatMap(({ objects }) => objects.map((one) => objectDrift(api, one))));
  return { states, drifted: compared.filter((one) => one !== undefined) };
}

async function allOf<T>(api: Cluster, kind: "Kustomization" | "HelmRelease"): Promise<T[] | undefined> {
  if (!(await api.knowsKind(API[kind], kind))) return undefined;
  return (await api.listObjects(API[kind], kind)) as T[];
}

/** Compares one object; nothing when it is as git says. */
export async function objectDrift(
  api: DriftApi,
  { object, manager, ignore }: DesiredObject,
): Promise<ObjectDrift | undefined> {
  if (ignore.includes("")) return undefined;
  const reference = referenceOf(object);
  const name = `${reference.kind} ${[reference.namespace, reference.name].filter(Boolean).join("/")}`;
  const live = await api.findRaw(reference);
  if (!live) return { name, fields: "is gone" };
  try {
    const applied = await api.dryRunApply(object, manager);
    const comparison = { live, applied, manager, ignore };
    const found = fieldDrift(comparison);
    const isAdded = found.some(({ inGit }) => inGit === undefined);
    const fields = isAdded ? fieldDrift({ ...comparison, fresh: await freshOf(api, object) }) : found;
    return fields.length > 0 ? { name, fields } : undefined;
  } catch (error) {
    if (!(error instanceof ClusterError) || error.problem !== "invalid") throw error;
    // Flux can't put it back either.
    return { name, fields: { refused: object.kind === "Secret" ? HIDDEN : error.message } };
  }
}

/** Git's object as the API server would make it, with its defaults; nothing where another name is refused. */
async function freshOf(api: DriftApi, object: ClusterObject): Promise<ClusterObject | undefined> {
  const { metadata } = object;
  try {
    return await api.dryRunApply({ ...object, metadata: { ...metadata, name: `${metadata?.name}-0` } }, FRESH_MANAGER);
  } catch (error) {
    if (error instanceof ClusterError && !error.transient) return undefined;
    throw error;
  }
}

function referenceOf({ apiVersion = "v1", kind = "", metadata }: ClusterObject): ObjectReference {
  const { namespace, name = "" } = metadata ?? {};
  return { apiVersion, kind, name, ...(namespace && { namespace }) };
}

// --- words ------------------------------------------------------------------------------------------------------------

/**
 * What differs, in Markdown, one row a field.
 *
 * @returns nothing when nothing does
 */
export function summarizeClusterDrift({ states, drifted }: ClusterDrift, environment: string): string | undefined {
  if (drifted.length === 0) return undefined;
  const rows = drifted.flatMap(rowsOf);
  return [
    `## Drift of the cluster of ${environment}`,
    "",
    `**${count(drifted.length, "object")} of ${objectsOf(states)} ${drifted.length === 1 ? "is" : "are"} not as git says**`,
    "",
    ...markdownTable(["Object", "Field", "In git", "On the cluster"], rows),
    "",
    ...comparedWith(states),
    "",
    "Next: commit what shall stay. What git names Flux puts back when it looks next (at once: `flux reconcile`); the rest is to be removed by hand.",
    "",
  ].join("\n");
}

/** That nothing differs, and what was compared. */
export function withoutDrift({ states }: ClusterDrift, environment: string): string {
  const lines = [`No drift: ${count(objectsOf(states), "object")} in ${environment} are as git says.`];
  return [...lines, "", ...comparedWith(states), ""].join("\n");
}

function rowsOf({ name, fields }: ObjectDrift): string[][] {
  if (fields === "is gone") return [[cell(name), "", "is there", "is gone"]];
  if ("refused" in fields) return [[cell(name), "", cell(`can't be applied: ${fields.refused}`), "is there"]];
  return fields.map(({ field, inGit, onCluster }) => [
    cell(name),
    cell(`\`${field}\``),
    cell(shown(inGit)),
    cell(shown(onCluster)),
  ]);
}

function comparedWith(states: readonly DesiredState[]): string[] {
  const compared = states.filter(({ objects }) => objects.length > 0);
  return [
    ...compared.map(({ from, objects }) => `- ${from}: ${count(objects.length, "object")}`),
    ...states.flatMap(({ notes }) => notes.map((note) => `- ${note}`)),
  ];
}

const LONGEST_VALUE = 80;

function shown(value: unknown): string {
  if (value === undefined) return "not set";
  const text = JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

const objectsOf = (states: readonly DesiredState[]) => states.reduce((sum, { objects }) => sum + objects.length, 0);
const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
