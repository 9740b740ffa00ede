/** The parts of `terraform show -json PLAN` that the pipeline reads (https://developer.hashicorp.com/terraform/internals/json-format). */
export interface PlanJson {
  readonly terraform_version?: string;
  readonly resource_changes?: readonly ResourceChange[];
  readonly resource_drift?: readonly ResourceChange[];
  readonly output_changes?: Readonly<Record<string, Change>>;
}

export interface ResourceChange {
  readonly address: string;
  readonly module_address?: string;
  readonly mode?: string;
  readonly type: string;
  readonly change: Change;
  readonly action_reason?: string;
  /** Where the state has it, when that is another address (a `moved` block). */
  readonly previous_address?: string;
}

export interface Change {
  readonly actions: readonly string[];
  readonly before?: unknown;
  readonly after?: unknown;
  readonly after_unknown?: unknown;
  /** `true`, or the same shape as the value with `true` where it is secret. */
  readonly before_sensitive?: unknown;
  readonly after_sensitive?: unknown;
  readonly replace_paths?: readonly (readonly (string | number)[])[];
  readonly importing?: unknown;
}

/** What stands in place of a secret value. */
export const HIDDEN = "(sensitive)";

/**
 * A plan's JSON without its secret values. Terraform's own JSON has them in clear, as the plan file itself has
 * (https://developer.hashicorp.com/terraform/cli/commands/show).
 */
export function redactPlan(plan: PlanJson & Record<string, unknown>): PlanJson & Record<string, unknown> {
  const hide = (changes?: readonly ResourceChange[]) =>
    changes?.map((resource) => ({ ...resource, change: redactChange(resource.change) }));
  const { resource_changes, resource_drift, output_changes } = plan;
  return {
    // Values in these are marked as secret elsewhere only, or not at all; the changes say all that a reader needs.
    ...without(plan, ["planned_values", "prior_state", "variables"]),
    ...(resource_changes && { resource_changes: hide(resource_changes) }),
    ...(resource_drift && { resource_drift: hide(resource_drift) }),
    ...(output_changes && {
      output_changes: Object.fromEntries(
        Object.entries(output_changes).map(([name, change]) => [name, redactChange(change)]),
      ),
    }),
  };
}

function redactChange(change: Change): Change {
  return {
    ...change,
    before: redact(change.before, change.before_sensitive),
    after: redact(change.after, change.after_sensitive),
  };
}

/** A value without what its mask says is secret. */
export function redact(value: unknown, mask: unknown): unknown {
  if (mask === true) return value === null || value === undefined ? value : HIDDEN;
  if (typeof mask !== "object" || mask === null || typeof value !== "object" || value === null) return value;
  const masks = mask as Record<string, unknown>;
  if (Array.isArray(value)) return value.map((item, index) => redact(item, masks[index]));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item, masks[key])]));
}

function without(object: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}
