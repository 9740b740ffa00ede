import { applyFile } from "./apply.js";
import type { EnvironmentEntry } from "./environments.js";
import { doesNothing, makePlan, platformStack, type TerraformRun } from "./plan.js";
import type { PlanJson } from "./planJson.js";
import { toMarkdown } from "./report.js";
import { runSteps } from "./steps.js";

/**
 * Removes all of an environment. The order is Terraform's: terraform/modules/teardown and karpenter go first, and remove the
 * load balancers and instances that the cluster's controllers made, while they still run.
 */
export async function destroyEnvironment(run: TerraformRun): Promise<string> {
  const { environment, log } = run;
  const title = `destroy ${environment.name}`;
  const { report } = await runSteps({ title, plan: ["plan", "destroy"], log }, async (steps) => {
    const made = await steps.step("plan", async () => {
      const planned = await makePlan(run, { destroy: true });
      checkProtection(planned.json, environment);
      return planned;
    });
    await steps.step("destroy", async (note) => {
      if (doesNothing(made)) return note("there is nothing to destroy");
      note((await applyFile(platformStack(run), made.container)).replace(/\*\*/g, ""));
    });
  });
  return toMarkdown(report);
}

/** A destruction of prod must be meant: its name is typed again. */
export function checkConfirmation(environment: EnvironmentEntry, confirm: string | undefined): void {
  if (environment.name !== "prod" || confirm === environment.name) return;
  throw new Error(
    confirm === undefined
      ? "Destroying prod removes its cluster and all that runs in it. To mean it, type its name: --confirm prod"
      : `--confirm ${JSON.stringify(confirm)} is not the environment's name. Nothing was destroyed.`,
  );
}

/**
 * AWS refuses to delete a protected cluster only when its turn comes: load balancers, charts and nodes are gone by then.
 *
 * @throws Error with the calls that turn the protection off, when the plan deletes or replaces such a cluster
 */
export function checkProtection({ resource_changes = [] }: PlanJson, { name }: EnvironmentEntry): void {
  const held = resource_changes.filter(({ type, change: { actions, before } }) => {
    const { deletion_protection: isOn } = (before ?? {}) as { deletion_protection?: unknown };
    return type === "aws_eks_cluster" && actions.includes("delete") && isOn === true;
  });
  if (held.length === 0) return;
  const confirmed = name === "prod" ? " --confirm prod" : "";
  throw new Error(
    [
      `Nothing was destroyed: EKS's deletion protection of ${held.map(({ address }) => address).join(", ")} is on. AWS would refuse ` +
        "to delete the cluster, after its load balancers, charts and nodes are gone.",
      "Turn it off first, with the other --vars as they were applied:",
      `  dagger call plan --env ${name} --vars deletion_protection=false export --path plan`,
      `  dagger call apply --env ${name} --plan plan`,
      "Then, with the same --vars:",
      `  dagger call destroy --env ${name}${confirmed} --vars deletion_protection=false`,
    ].join("\n"),
  );
}
