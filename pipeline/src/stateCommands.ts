import type { EnvironmentEntry } from "./environments.js";
import { execQuietly } from "./exec.js";
import { parseLockId } from "./stateLock.js";
import { expectSuccess, initialize, inWorkspace, workspaceCommand } from "./terraform.js";
import { platformStack, type TerraformRun } from "./terraformPlan.js";

/** An output of the stack, as `terraform output -json` says it. */
interface Output {
  readonly sensitive: boolean;
  readonly value: unknown;
}

/**
 * The stack's outputs as JSON, without the sensitive ones; or one of them as it is.
 *
 * @throws Error that lists the outputs when there is none of that name
 */
export async function readOutputs(run: TerraformRun, name?: string): Promise<string> {
  const stack = platformStack(run);
  const outcome = await execQuietly(await initialize(stack), workspaceCommand(stack, ["output", "-json"]));
  const all = JSON.parse(expectSuccess("output", stack, outcome).stdout || "{}") as Record<string, Output>;
  const readable = Object.entries(all).filter(([, { sensitive }]) => !sensitive);
  if (name === undefined)
    return `${JSON.stringify(Object.fromEntries(readable.map(([key, { value }]) => [key, value])), null, 2)}\n`;
  const found = readable.find(([key]) => key === name);
  if (!found)
    throw new Error(
      noOutput(
        run.environment,
        name,
        readable.map(([key]) => key),
      ),
    );
  const { value } = found[1];
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function noOutput(environment: EnvironmentEntry, name: string, known: readonly string[]): string {
  const what = known.length > 0 ? `there are ${[...known].sort().join(", ")}` : "nothing has been applied yet";
  return `${environment.name} has no output ${JSON.stringify(name)}: ${what}.`;
}

/**
 * The lock is in the bucket and in the table, and Terraform frees both; a run that could not reach one has freed the other. What is
 * gone already, Terraform reports as an error.
 */
const HALF =
  /failed to unlock (?:DynamoDB: failed to retrieve lock info[^:]*: unexpected end of JSON input|S3: .*(?:NoSuchKey|NotFound))/;

/**
 * Frees a lock that a dead run left behind.
 *
 * @throws Error when the id is malformed, or not the lock's
 */
export async function forceUnlock(run: TerraformRun, lockId: string): Promise<string> {
  const id = parseLockId(lockId);
  const stack = platformStack(run);
  const outcome = await inWorkspace(stack, await initialize(stack), ["force-unlock", "-force", id]);
  if (outcome.code === 0) return `The lock ${id} of ${run.environment.name} is free. Plan again before you apply.\n`;
  const said = `${outcome.stdout}\n${outcome.stderr}`.trim();
  const line = said.replace(/\s+/g, " ");
  if (HALF.test(line))
    return `The lock ${id} of ${run.environment.name} is free; half of it was so already. Plan again before you apply.\n`;
  if (
    /does not match|doesn't match|no lock|not found|NoSuchKey|item not found|failed to retrieve lock info[^:]*: unexpected end of JSON input/i.test(
      line,
    )
  )
    throw new Error(`The state of ${run.environment.name} is not locked by ${id}, so nothing was freed.\n${said}`);
  expectSuccess("force-unlock", stack, outcome);
  return "";
}
