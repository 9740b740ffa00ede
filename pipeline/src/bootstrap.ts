import type { Container, Directory, File } from "@dagger.io/dagger";
import { missingIn } from "./adoption.js";
import type { AwsSession } from "./aws.js";
import { exec, type Outcome } from "./exec.js";
import { isEmpty, summarizePlan } from "./planSummary.js";
import type { Log } from "./steps.js";
import {
  backendConfig,
  expectSuccess,
  initCommand,
  type Stack,
  settingsOf,
  showPlan,
  stackContainer,
  stateBucket,
} from "./terraform.js";
import { PLAN_FILE } from "./terraformPlan.js";

/** What an account is prepared with. */
export interface BootstrapOptions {
  readonly source: Directory;
  readonly session: AwsSession;
  /** More variables, each `name=value`. */
  readonly vars: readonly string[];
  /** More variables, as a .tfvars file; `vars` win over it. */
  readonly varFile?: File;
  readonly log: Log;
}

/** Keeps the state in a file until the bucket is there. */
const LOCAL_BACKEND = 'terraform {\n  backend "local" {}\n}\n';

/**
 * Prepares an account: the bucket of the states, the table of their locks, and the roles of CI. The stack's own state
 * begins in a file and moves into the bucket that it made. Run again, it applies what has changed; after an interruption
 * it takes over what is there.
 *
 * @returns what was done, and the secrets that GitHub needs for it, in Markdown
 */
export async function bootstrap({ source, session, vars, varFile, log }: BootstrapOptions): Promise<string> {
  const stack: Stack = { folder: "stacks/account", source, session, varFile };
  const variables = settingsOf({ vars, varFile });
  const work = { stack, variables, title: `Account ${session.account}`, log };
  const bucket = stateBucket(session);
  const wantsAdoption = vars.includes("adopt=true");
  const found = await exec(stackContainer(stack), initCommand(...backendConfig(session)));
  const bucketIsThere = found.code === 0;
  if (!bucketIsThere && !/does not exist|NoSuchBucket/.test(found.stdout + found.stderr))
    expectSuccess("init", stack, found);
  if (bucketIsThere && (await hasState(stack, found.container))) {
    const { text, container } = await planAndApply({ ...work, container: found.container, adopting: wantsAdoption });
    return `${text}\n${await secretsOf(stack, container)}`;
  }
  log(
    bucketIsThere
      ? `${bucket} is there without a state of this stack: a bootstrap was interrupted. What it made is taken over.`
      : `There is no bucket ${bucket} yet: it is made with a state in a file, which then moves into it.`,
  );
  // Also where the bucket is there: an interrupted bootstrap may not have come to the lock table.
  const local = stackContainer(stack).withNewFile("backend_override.tf", LOCAL_BACKEND);
  const container = expectSuccess("init", stack, await exec(local, initCommand())).container;
  const adopting = bucketIsThere || wantsAdoption;
  const applied = await planAndApply({ ...work, container, adopting });
  const migrate = initCommand("-migrate-state", "-force-copy", ...backendConfig(session));
  const outcome = await exec(applied.container.withoutFile("backend_override.tf"), migrate);
  const migrated = expectSuccess("init -migrate-state", stack, outcome).container;
  const secrets = await secretsOf(stack, migrated);
  return `${applied.text}\n${secrets}\nThe stack's own state is in ${bucket} now.\n`;
}

/** The commands that tell GitHub of the roles: what is to be done next, by who may change the repository's secrets. */
async function secretsOf(stack: Stack, container: Container): Promise<string> {
  const outcome = expectSuccess("output", stack, await exec(container, ["terraform", "output", "-json", "role_arns"]));
  const roles = Object.entries(JSON.parse(outcome.stdout) as Record<string, string>);
  const commands = roles.map(([env, arn]) => `    gh secret set AWS_ROLE_ARN --env ${env} --body ${arn}`);
  return ["CI's roles, as secrets of GitHub's environments:", "", ...commands, ""].join("\n");
}

async function hasState(stack: Stack, container: Container): Promise<boolean> {
  const listed = await exec(container, ["terraform", "state", "list"]);
  if (/No state file was found/.test(listed.stdout + listed.stderr)) return false;
  return expectSuccess("state list", stack, listed).stdout.trim() !== "";
}

interface Work {
  readonly stack: Stack;
  readonly container: Container;
  readonly variables: readonly string[];
  /** Takes over what is there and in no state. */
  readonly adopting?: boolean;
  readonly title: string;
  readonly log: Log;
}

async function planAndApply(work: Work) {
  const { stack, title, log } = work;
  const planned = expectSuccess("plan", stack, await plan(work));
  const json = await showPlan(stack, planned.container, PLAN_FILE);
  const text = summarizePlan(json, title);
  for (const line of text.split("\n")) log(line);
  if (isEmpty(json)) return { text, container: planned.container };
  const applied = expectSuccess("apply", stack, await exec(planned.container, ["terraform", "apply", PLAN_FILE]));
  const done = /^Apply complete!.*$/m.exec(applied.stdout)?.[0] ?? "";
  return { text: `${text}\n**${done}**\n`, container: applied.container };
}

/** Plans; if it adopts, again without what turns out to be missing: a plan tells of it, and changes nothing. */
async function plan({ container, variables, adopting, log }: Work): Promise<Outcome> {
  const missing = new Set<string>();
  for (;;) {
    const adoption = adopting ? ["-var=adopt=true", `-var=adopt_missing=${JSON.stringify([...missing])}`] : [];
    const args = ["plan", `-out=${PLAN_FILE}`, ...variables, ...adoption];
    const outcome = await exec(container, ["terraform", ...args]);
    const found = outcome.code === 0 ? [] : missingIn(outcome.stdout + outcome.stderr);
    const more = found.filter((name) => !missing.has(name));
    if (!adopting || more.length === 0) return outcome;
    log(`Not there yet, so made anew: ${more.join(", ")}`);
    for (const name of more) missing.add(name);
  }
}
