import { dag } from "@dagger.io/dagger";
import { images } from "./images.js";
import { summarizeDrift } from "./planSummary.js";
import { planStack } from "./terraform.js";
import { platformStack, type TerraformRun, variableArguments } from "./terraformPlan.js";

/** Terraform's own exit code for "there are changes" (plan -detailed-exitcode). */
const DRIFTED = 2;

/**
 * Compares the state with the world, and changes neither. Drift is what has changed outside of Terraform and what Terraform
 * would put back: attributes that AWS fills in by itself after an apply are none, and code that isn't applied yet is none.
 *
 * @returns in Markdown, what differs; nothing when nothing does
 */
export async function findDrift(run: TerraformRun): Promise<string | undefined> {
  const stack = platformStack(run);
  const { json } = await planStack(stack, "drift.tfplan", variableArguments(run));
  return summarizeDrift(json, `Drift of ${run.environment.name} (account ${run.session.account})`);
}

/** Ends the call with terraform's exit code for drift: a failed command's code becomes that of `dagger call`. */
export async function failAsDrifted(report: string): Promise<never> {
  await dag
    .container()
    .from(images.busybox)
    .withNewFile("/drift.md", report)
    .withExec(["sh", "-c", `cat /drift.md; exit ${DRIFTED}`])
    .sync();
  throw new Error("unreachable: the command fails");
}
