import type { Container, Directory } from "@dagger.io/dagger";
import { refuseProtected } from "./deletionProtection.js";
import { exec, type Outcome } from "./exec.js";
import { formatSeconds } from "./report.js";
import { rescuePath, withRescue } from "./rescue.js";
import { findStateLock } from "./stateLock.js";
import { failureOf, initialize, type Stack, stateBucket } from "./terraform.js";
import { diagnostics } from "./terraformErrors.js";
import { checkPlanAccount, checkPlanFolder, PLAN_FILE, platformStack, type TerraformRun } from "./terraformPlan.js";

/**
 * Applies exactly a plan that was made before.
 *
 * @param openSession opens the AWS session; called only when the plan itself is good
 * @returns what was applied, in Markdown
 * @throws Error when the plan is of another environment, code or account, or stale, or replaces a protected cluster, when the state is
 *   locked, or when a resource failed: then it says that what was made is in the state
 */
export async function applyPlan(
  run: Omit<TerraformRun, "session">,
  folder: Directory,
  openSession: () => Promise<TerraformRun["session"]>,
): Promise<string> {
  const { about, json } = await checkPlanFolder(folder, run.environment, run.source);
  refuseProtected(json, run.environment);
  const session = await openSession();
  checkPlanAccount(about, session);
  const stack = platformStack({ ...run, session });
  const initialized = await initialize(stack);
  const applied = await applyFile(stack, initialized.withFile(PLAN_FILE, folder.file(PLAN_FILE)));
  return `## Applied to ${run.environment.name} (account ${session.account})\n\n${applied}\n`;
}

/** Applies the plan file in a container's working folder, and keeps a state that can't be written to its bucket. */
export async function applyFile(stack: Stack, container: Container): Promise<string> {
  const started = Date.now();
  const workspace = stack.workspace ?? "default";
  const command = applyCommand(workspace, PLAN_FILE, rescuePath(stack.session.account, workspace));
  const outcome = await exec(withRescue(container), command);
  if (outcome.code !== 0) throw partlyApplied(stack, outcome);
  const done = /^(?:Apply|Destroy) complete!.*$/m.exec(outcome.stdout)?.[0] ?? "Done.";
  return `**${done}** In ${formatSeconds((Date.now() - started) / 1000)}.`;
}

const KILLED = "terraform was killed, or has crashed";
const KEPT = "The state is kept on this engine.";

/**
 * Terraform writes errored.tfstate when the bucket doesn't take the state; with the container, it would be gone. A state that
 * was rescued before is kept beside it. One that is cut off, as on a full disk, never gets the name by which it is found.
 */
const APPLY = `
terraform workspace select "$1" >&2 || exit
terraform apply "$2"
code=$?
name=\${3##*/}
half=\${3%/*}/.half-\${name%.tfstate}
if [ -f errored.tfstate ] && cp errored.tfstate "$half" && sync; then
  if [ -f "$3" ]; then mv "$3" "$3.$(date +%s)"; fi
  mv "$half" "$3" && echo "${KEPT}"
fi
# A panic is 11; Dagger takes no code from 128 to 191.
if [ $code -ge 128 ] || [ $code -eq 11 ]; then
  echo "${KILLED} ($code)" >&2
  exit 3
fi
exit $code
`;

/** The command that applies a plan file in a workspace, and keeps a state under `rescue` that could not be written. */
export const applyCommand = (workspace: string, planFile: string, rescue: string) => [
  ...["sh", "-c", APPLY, "sh"],
  ...[workspace, planFile, rescue],
];

/** Why an apply failed, and what has become of the state. */
export function partlyApplied(stack: Stack, outcome: Outcome): Error {
  const said = outcome.stdout + outcome.stderr;
  if (outcome.stdout.includes(KEPT)) return new Error(describeRescue(stack, outcome));
  if (/errored\.tfstate/.test(said)) return new Error(describeLoss(stack, outcome));
  const error = failureOf("apply", stack, outcome);
  if (said.includes(KILLED))
    return new Error(
      `${error.message}\n\nThe state is as it was written last, twenty seconds before at most: what was made after that is in AWS only, and ` +
        "`terraform import` takes it over. The lock may have stayed: the next plan says who holds it.",
    );
  if (!/: (?:Creating|Modifying|Destroying)\.\.\./.test(outcome.stdout)) return error;
  return new Error(
    `${error.message}\n\nWhat was done before the error is in the state; nothing is lost. Mend the cause, and plan again.`,
  );
}

/** Terraform prints a state that it can write nowhere; all that is left then is what the caller sees. */
function describeLoss(stack: Stack, { stdout, stderr }: Outcome): string {
  const environment = stack.workspace;
  return [
    `terraform apply in ${environment} could not write the state to its bucket ${stateBucket(stack.session)}, and it is NOT kept on this engine: is its disk full?`,
    diagnostics(`${stdout}\n${stderr}`),
    "",
    "Save it before anything else, if it is above: the text from the first { to the last }, in what this call has printed. Then:",
    `  dagger call push-state --env ${environment} --state FILE`,
  ].join("\n");
}

/** What to do about a state that could not be written, in the order in which it must be done. */
function describeRescue(stack: Stack, { stdout, stderr }: Outcome): string {
  const environment = stack.workspace;
  const lock = findStateLock(stdout + stderr);
  return [
    `terraform apply in ${environment} could not write the state to its bucket ${stateBucket(stack.session)}. It is kept on this engine.`,
    diagnostics(`${stdout}\n${stderr}`),
    "",
    "Save it before anything else; without it Terraform does not know what it made:",
    `  dagger call rescued-state --env ${environment} export --path errored.tfstate`,
    "Then mend the cause, free the lock if the next call meets it, and put the state back:",
    ...(lock ? [`  dagger call force-unlock --env ${environment} --lock-id ${lock.id}`] : []),
    `  dagger call push-state --env ${environment} --state errored.tfstate`,
  ].join("\n");
}
