import type { Change, PlanJson, ResourceChange } from "./planJson.js";
import { HIDDEN, redact } from "./planJson.js";
import { cell, markdownTable } from "./report.js";

/** What becomes of a resource. */
export type PlannedAction = "create" | "change" | "replace" | "destroy" | "import" | "move" | "forget";

const ACTIONS: readonly PlannedAction[] = ["create", "change", "replace", "destroy", "import", "move", "forget"];

/** What is lost when one of these is destroyed or replaced. */
const stateful: Readonly<Record<string, string>> = {
  aws_cloudwatch_log_group: "its logs",
  aws_dynamodb_table: "its items",
  aws_ebs_volume: "its data",
  aws_efs_file_system: "its files",
  aws_eip: "its public address, which others may have allowed",
  aws_eks_cluster: "the cluster, with everything that runs in it",
  aws_eks_node_group: "its nodes; the pods on them move",
  aws_iam_openid_connect_provider: "every role's trust in it, until it is there again",
  aws_kms_key: "the key: what it encrypted can't be read again after its deletion",
  aws_nat_gateway: "connections to the outside while it is away",
  aws_s3_bucket: "its objects",
  aws_secretsmanager_secret: "its value",
  aws_sqs_queue: "the messages in it",
  aws_subnet: "the network of what runs in it",
  aws_vpc: "the network of all that runs in it",
  helm_release: "what the chart made, with its volumes where it has some",
  kubernetes_namespace_v1: "all that is in the namespace",
};

/** What is to become of a resource; nothing for a data source or when nothing changes. */
export function plannedAction({ address, previous_address, change, mode }: ResourceChange): PlannedAction | undefined {
  if (mode === "data") return undefined;
  const { actions } = change;
  if (actions.includes("create") && actions.includes("delete")) return "replace";
  if (actions.includes("create")) return "create";
  if (actions.includes("update")) return "change";
  if (actions.includes("delete")) return "destroy";
  if (actions.includes("forget")) return "forget";
  if (change.importing) return "import";
  // Terraform applies it too: the state is written anew.
  return previous_address && previous_address !== address ? "move" : undefined;
}

/** Whether applying the plan would do nothing. */
export const isEmpty = (plan: PlanJson): boolean =>
  (plan.resource_changes ?? []).every((resource) => plannedAction(resource) === undefined) &&
  Object.values(plan.output_changes ?? {}).every(({ actions }) => actions.every((action) => action === "no-op"));

/**
 * A plan in Markdown: counts by module, then each resource with what changes, and before all that a warning for each
 * stateful thing that would be lost. Secret values are hidden.
 */
export function summarizePlan(plan: PlanJson, title: string): string {
  const planned = plannedIn(plan);
  if (isEmpty(plan)) return `## ${title}\n\nNo changes: the infrastructure is as the code says.\n`;
  return [
    `## ${title}`,
    "",
    `**${totals(planned.map(({ action }) => action))}**`,
    "",
    ...warnings(lossesOf(plan)),
    ...byModule(planned),
    "",
    ...resources(planned),
    ...outputs(plan),
  ].join("\n");
}

interface Planned {
  readonly resource: ResourceChange;
  readonly action: PlannedAction;
}

const plannedIn = ({ resource_changes = [] }: PlanJson): Planned[] =>
  resource_changes.flatMap((resource) => {
    const action = plannedAction(resource);
    return action ? [{ resource, action }] : [];
  });

/** `3 to create, 1 to destroy`. */
export function totals(actions: readonly PlannedAction[]): string {
  const parts = ACTIONS.flatMap((action) => {
    const count = actions.filter((candidate) => candidate === action).length;
    return count > 0 ? [`${count} to ${action}`] : [];
  });
  return parts.length > 0 ? parts.join(", ") : "only outputs change";
}

/** What a plan would lose, a line in Markdown for each stateful thing that it destroys or replaces. */
export function lossesOf(plan: PlanJson): string[] {
  return plannedIn(plan).flatMap(({ resource, action }) => {
    const loss = stateful[resource.type];
    if (!loss || (action !== "replace" && action !== "destroy")) return [];
    return [
      `- \`${resource.address}\` would be ${action}${action === "destroy" ? "ed" : "d"}: ${loss} would be lost${because(resource)}.`,
    ];
  });
}

const warnings = (losses: readonly string[]): string[] =>
  losses.length > 0 ? ["> [!WARNING]", ...losses.map((line) => `> ${line}`), ""] : [];

function because({ change }: ResourceChange): string {
  const paths = (change.replace_paths ?? []).map((path) => path.join("."));
  return paths.length > 0 ? ` (because of ${paths.map((path) => `\`${path}\``).join(", ")})` : "";
}

const moduleOf = ({ module_address }: ResourceChange) => module_address ?? "(root)";

function byModule(planned: readonly Planned[]): string[] {
  const modules = [...new Set(planned.map(({ resource }) => moduleOf(resource)))].sort();
  const used = ACTIONS.filter((action) => planned.some((entry) => entry.action === action));
  const count = (module: string, action: PlannedAction) =>
    planned.filter((entry) => moduleOf(entry.resource) === module && entry.action === action).length;
  return markdownTable(
    ["Module", ...used],
    modules.map((module) => [module, ...used.map((action) => `${count(module, action) || ""}`)]),
  );
}

function resources(planned: readonly Planned[]): string[] {
  const rows = ACTIONS.flatMap((action) =>
    planned
      .filter((entry) => entry.action === action)
      .sort((a, b) => (a.resource.address < b.resource.address ? -1 : 1))
      .map(({ resource }) => [action, `\`${resource.address}\``, cell(detail(resource, action))]),
  );
  return [
    "<details open><summary>Resources</summary>",
    "",
    ...markdownTable(["Action", "Resource", "What changes"], rows),
    "",
    "</details>",
    "",
  ];
}

function detail(resource: ResourceChange, action: PlannedAction): string {
  if (action === "move") return `from ${resource.previous_address}`;
  if (action === "replace") return `replaced${because(resource)}`;
  return action === "change" ? attributes(resource.change).join(", ") : "";
}

function outputs(plan: PlanJson): string[] {
  const changed = Object.entries(plan.output_changes ?? {}).filter(([, { actions }]) => !actions.includes("no-op"));
  if (changed.length === 0) return [];
  return [`Outputs that change: ${changed.map(([name]) => `\`${name}\``).join(", ")}.`, ""];
}

/** The attributes that differ, each with its values where they are short and not secret. */
export function attributes(change: Change): string[] {
  const before = (redact(change.before, change.before_sensitive) ?? {}) as Record<string, unknown>;
  const after = (redact(change.after, change.after_sensitive) ?? {}) as Record<string, unknown>;
  const unknown = (change.after_unknown ?? {}) as Record<string, unknown>;
  return changedKeys(change).map(
    (key) => `${key}: ${shown(before[key])} → ${unknown[key] === true ? "(known after apply)" : shown(after[key])}`,
  );
}

/** The names of the attributes that differ. */
function changedKeys({ before, after, after_unknown }: Change): string[] {
  const unknown = (after_unknown ?? {}) as Record<string, unknown>;
  // Two secret values look alike once hidden: what is compared are the values themselves.
  const raw = (side: unknown, key: string) => JSON.stringify((side as Record<string, unknown> | null)?.[key] ?? null);
  return [...new Set([before, after, unknown].flatMap((side) => Object.keys(side ?? {})))]
    .sort()
    .filter((key) => unknown[key] === true || raw(before, key) !== raw(after, key));
}

const LONGEST_VALUE = 80;

function shown(value: unknown): string {
  if (value === HIDDEN) return HIDDEN;
  const text = JSON.stringify(value ?? null);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

const isReplaced = ({ actions }: Change) => actions.includes("create") || actions.includes("delete");

/** Whether two changes have an attribute in common. */
function touchesSame(drift: Change, planned: Change): boolean {
  const touched = new Set(changedKeys(planned));
  return changedKeys(drift).some((key) => touched.has(key));
}

/**
 * What has changed in the world and would be put back, in Markdown: each resource with its attributes, or that it is gone.
 *
 * @returns nothing when nothing has drifted
 */
export function summarizeDrift(plan: PlanJson, title: string): string | undefined {
  const putBack = new Map(
    (plan.resource_changes ?? []).filter(plannedAction).map(({ address, change }) => [address, change]),
  );
  // What AWS has filled in stays, also where the code wants another attribute changed.
  const drifted = (plan.resource_drift ?? []).filter(({ address, change, mode }) => {
    const planned = putBack.get(address);
    if (mode === "data" || change.actions.includes("no-op") || !planned) return false;
    return change.actions.includes("delete") || isReplaced(planned) || touchesSame(change, planned);
  });
  if (drifted.length === 0) return undefined;
  const rows = drifted.map(({ address, change }) => [
    `\`${address}\``,
    change.actions.includes("delete") ? "is gone" : "has changed",
    cell(change.actions.includes("delete") ? "" : attributes(change).join(", ")),
  ]);
  return [
    `## ${title}`,
    "",
    `**${drifted.length} ${drifted.length === 1 ? "resource has" : "resources have"} drifted**`,
    "",
    ...markdownTable(["Resource", "Drift", "State → world"], rows),
    "",
  ].join("\n");
}
