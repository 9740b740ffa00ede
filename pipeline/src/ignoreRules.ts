import type { ClusterObject } from "./kubernetes.js";

/** What is not looked at: `spec.driftDetection.ignore` of a HelmRelease, `spec.ignore` of a Kustomization. */
export interface IgnoreRule {
  /** JSON pointers (RFC 6901); the empty one is the whole object. */
  readonly paths?: readonly string[];
  /** Which objects; all when there is none. Its names are regular expressions that match as a whole. */
  readonly target?: {
    readonly group?: string;
    readonly version?: string;
    readonly kind?: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly labelSelector?: string;
    readonly annotationSelector?: string;
  };
}

/** The paths that the rules leave out of this object. */
export function ignoredPaths(rules: readonly IgnoreRule[], object: ClusterObject): string[] {
  return rules.filter(({ target }) => !target || isTarget(target, object)).flatMap(({ paths = [] }) => paths);
}

function isTarget(target: NonNullable<IgnoreRule["target"]>, { apiVersion = "", kind, metadata }: ClusterObject) {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const own = { group, version, kind, name: metadata?.name, namespace: metadata?.namespace };
  const names = Object.entries(own) as [keyof typeof own, string | undefined][];
  return (
    names.every(([part, value]) => isWhole(target[part], value)) &&
    isSelected(target.labelSelector, metadata?.labels) &&
    isSelected(target.annotationSelector, metadata?.annotations)
  );
}

const isWhole = (pattern: string | undefined, value = "") => !pattern || new RegExp(`^(?:${pattern})$`).test(value);

/** Kubernetes' selector expressions: `a=b, c!=d, e in (f,g), h notin (i), j, !k`. */
function isSelected(selector: string | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  return (selector ?? "")
    .split(/,(?![^(]*\))/)
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .every((one) => isRequired(one, labels));
}

function isRequired(requirement: string, labels: Readonly<Record<string, string>>): boolean {
  const [, key = "", operator, list = ""] = /^(\S+)\s+(in|notin)\s*\((.*)\)$/.exec(requirement) ?? [];
  const values = list.split(",").map((value) => value.trim());
  if (operator === "in") return values.includes(labels[key] as string);
  if (operator === "notin") return !values.includes(labels[key] as string);
  const [, name = "", sign, value = ""] = /^([^=!\s]+)\s*(==|=|!=)\s*(.*)$/.exec(requirement) ?? [];
  if (sign) return (labels[name] === value) === (sign !== "!=");
  return requirement.startsWith("!") ? !(requirement.slice(1).trim() in labels) : requirement in labels;
}

/** A copy of a value without what JSON pointers lead to; one that leads nowhere takes nothing away. */
export function without<T>(value: T, pointers: readonly string[]): T {
  const copy = structuredClone(value);
  for (const pointer of pointers) remove(copy, pointer.split("/").slice(1).map(decoded));
  return copy;
}

const decoded = (part: string) => part.replaceAll("~1", "/").replaceAll("~0", "~");

function remove(value: unknown, [part, ...rest]: string[]): void {
  if (part === undefined || typeof value !== "object" || value === null) return;
  if (rest.length > 0) remove((value as Record<string, unknown>)[part], rest);
  else if (Array.isArray(value)) value.splice(Number(part), Number(part) < value.length ? 1 : 0);
  else delete (value as Record<string, unknown>)[part];
}
