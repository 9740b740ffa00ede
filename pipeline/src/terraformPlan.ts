import { createHash } from "node:crypto";
import { type CacheVolume, type Container, type Directory, dag, type File, type Secret } from "@dagger.io/dagger";
import type { AwsSession } from "./aws.js";
import type { EnvironmentEntry } from "./environments.js";
import { quietContents } from "./exec.js";
import { images } from "./images.js";
import { type PlanJson, redactPlan } from "./planJson.js";
import { isEmpty, summarizePlan } from "./planSummary.js";
import type { Log } from "./steps.js";
import { firstWord, planStack, type Stack, settingsOf, terraformCode } from "./terraform.js";

/** What terraform runs on. */
export interface TerraformRun {
  readonly source: Directory;
  readonly environment: EnvironmentEntry;
  readonly session: AwsSession;
  /** More variables, each `name=value`. */
  readonly vars: readonly string[];
  /** More variables, as a .tfvars file; `vars` win over it. */
  readonly varFile?: File;
  /** Pulls the application's image; Terraform hands it on to the cluster and keeps it nowhere. */
  readonly ghcrToken?: Secret;
  readonly pluginCache?: CacheVolume;
  readonly log: Log;
}

/** The files of a plan folder. */
const FILES = { plan: "plan.tfplan", json: "plan.json", summary: "summary.md", about: "about.json" } as const;

/** What `apply` must know of a plan before it starts Terraform. */
interface About {
  readonly environment: string;
  readonly account: string;
  /** Hash of the Terraform code. */
  readonly code: string;
  /** SHA-256 of the plan file. */
  readonly plan: string;
  readonly createdAt: string;
}

/** The stack of an environment. */
export const platformStack = ({
  source,
  environment,
  session,
  varFile,
  ghcrToken,
  pluginCache,
}: TerraformRun): Stack => ({
  folder: "stacks/viney-infra",
  workspace: environment.name,
  source,
  session,
  varFile,
  secretVariables: { ghcr_token: ghcrToken },
  pluginCache,
});

/** The arguments that tell Terraform the environment and the caller's own variables. */
export function variableArguments(run: Pick<TerraformRun, "environment" | "vars" | "varFile">): string[] {
  if (run.vars.some((setting) => setting.startsWith("environment=")))
    throw new Error("--vars environment=… contradicts --env, which sets it.");
  return [...settingsOf(run), `-var=environment=${run.environment.name}`];
}

/** A plan, and the container that it was made in. */
export interface MadePlan {
  readonly json: PlanJson;
  readonly summary: string;
  readonly folder: Directory;
  /** Initialized, in the workspace, with the plan file in its working folder. */
  readonly container: Container;
}

/**
 * Makes a plan: a folder with the plan file, its JSON without secret values, and a summary to read.
 *
 * @param options.destroy plans to remove everything
 */
export async function makePlan(run: TerraformRun, options: { destroy?: boolean } = {}): Promise<MadePlan> {
  const stack = platformStack(run);
  const { environment, session } = run;
  const args = [...(options.destroy ? ["-destroy"] : []), ...variableArguments(run)];
  const [code, { json, container, sha256: plan }] = await Promise.all([
    hashOfCode(run.source),
    planStack(stack, FILES.plan, args, { create: !options.destroy }),
  ]);
  const made = dag.directory().withFile(FILES.plan, container.file(FILES.plan));
  const what = options.destroy ? "Destruction" : "Plan";
  const summary = summarizePlan(json, `${what} of ${environment.name} (account ${session.account})`);
  for (const line of summary.split("\n")) run.log(line);
  const about: About = {
    environment: environment.name,
    account: session.account,
    code,
    plan,
    createdAt: new Date().toISOString(),
  };
  const folder = made
    .withNewFile(FILES.json, JSON.stringify(redactPlan(json), null, 2))
    .withNewFile(FILES.summary, summary)
    .withNewFile(FILES.about, JSON.stringify(about, null, 2));
  return { json, summary, folder, container };
}

/** Whether a plan would do anything. */
export const doesNothing = ({ json }: MadePlan) => isEmpty(json);

/** The file that Terraform applies, in the working folder. */
export const PLAN_FILE = FILES.plan;

/**
 * Checks that a plan folder is whole, and of this environment and this code, before anything is started.
 *
 * @returns of what it is, and what it would do
 * @throws Error that says which of these it is not, and what to do
 */
export async function checkPlanFolder(
  folder: Directory,
  environment: EnvironmentEntry,
  source: Directory,
): Promise<{ about: About; json: PlanJson }> {
  const again = `Make a new plan and review it: dagger call plan --env ${environment.name} export --path plan`;
  const entries = await folder.entries();
  const missing = [FILES.plan, FILES.json, FILES.about].filter((file) => !entries.includes(file));
  if (missing.length > 0)
    throw new Error(`--plan is no folder that \`plan\` has made: it has no ${missing.join(" and no ")}. ${again}`);
  const about = await readJson<About>(folder, FILES.about, again);
  if (about.environment !== environment.name)
    throw new Error(
      `--plan was made for ${about.environment}, not for ${environment.name}. Nothing was applied. ${again}`,
    );
  if (about.code !== (await hashOfCode(source)))
    throw new Error(
      `The code in terraform/ is not the one that --plan was made from (${about.createdAt}): it is of another commit, or has been edited. Nothing was applied. ${again}`,
    );
  if (about.plan !== (await sha256(folder)))
    throw new Error(
      `${FILES.plan} is not the file that its ${FILES.about} describes: it was changed or cut off. ${again}`,
    );
  return { about, json: await readJson<PlanJson>(folder, FILES.json, again) };
}

/** @throws Error when the plan is of another account than the session */
export function checkPlanAccount(about: About, session: AwsSession): void {
  if (about.account === session.account) return;
  throw new Error(
    `--plan was made in the AWS account ${about.account}, and the credentials are of ${session.account}. Nothing was applied.`,
  );
}

async function readJson<T>(folder: Directory, file: string, again: string): Promise<T> {
  const text = await quietContents(folder.file(file));
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${file} of --plan is broken JSON. ${again}`);
  }
}

async function sha256(folder: Directory): Promise<string> {
  const command = ["sh", "-c", `sha256sum /plan/${FILES.plan}`];
  const sum = await dag
    .container()
    .from(images.busybox)
    .withMountedDirectory("/plan", folder)
    .withExec(command)
    .stdout();
  return firstWord(sum);
}

/** Hash of all that a plan is made from: names and contents. */
async function hashOfCode(source: Directory): Promise<string> {
  const command = "find . -type f | LC_ALL=C sort | xargs sha256sum";
  const sums = await dag
    .container()
    .from(images.busybox)
    .withMountedDirectory("/terraform", terraformCode(source))
    .withWorkdir("/terraform")
    .withExec(["sh", "-c", command])
    .stdout();
  return createHash("sha256").update(sums).digest("hex");
}
