import { checkProtection } from "./deletionProtection.js";
import type { EnvironmentEntry } from "./environments.js";
import { toMarkdown } from "./report.js";
import { runSteps } from "./steps.js";
import { applyFile } from "./terraformApply.js";
import { doesNothing, makePlan, platformStack, type TerraformRun } from "./terraformPlan.js";

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
