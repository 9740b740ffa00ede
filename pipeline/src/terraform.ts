import { type CacheVolume, type Container, type Directory, dag, type File, type Secret } from "@dagger.io/dagger";
import { type AwsSession, withAwsSession } from "./aws.js";
import { exec, execQuietly, type Outcome, quietContents, uncached } from "./exec.js";
import { images } from "./images.js";
import type { PlanJson } from "./planJson.js";
import { explainTerraform } from "./terraformErrors.js";

/** A root module with a remote state. */
export interface Stack {
  /** Below terraform/. */
  readonly folder: "stacks/viney-infra" | "stacks/account";
  /** Its workspace, which is the environment; `undefined`: it has no workspaces. */
  readonly workspace?: string;
  /** The repository. */
  readonly source: Directory;
  readonly session: AwsSession;
  /** Variables in a file, at `VAR_FILE`. */
  readonly varFile?: File;
  /** Ephemeral variables: an apply needs them again, because no plan holds them. */
  readonly secretVariables?: Readonly<Record<string, Secret | undefined>>;
  /** Where providers stay between calls; default: one place for all. */
  readonly pluginCache?: CacheVolume;
}

/** Where a container has the stack's variables file. */
export const VAR_FILE = "/caller.tfvars";
const PLUGINS = "/var/cache/terraform";

/** The bucket of the states of an account: its name is free in every account, and tells whose it is. */
export const stateBucket = ({ account, region }: Pick<AwsSession, "account" | "region">) =>
  `helloworld-terraform-${account}-${region}`;

/** What a run by hand leaves in terraform/; terraform/.gitignore has the same, and so has the module's constructor. */
const BY_HAND = ["**/.terraform", "**/*.tfstate*", "**/*_override.tf", "**/*_override.tf.json", "**/*.tfplan"];

/** terraform/ without what only describes it, and without what runs by hand leave there. */
export const codeAndTests = (source: Directory): Directory =>
  source.directory("terraform").filter({ exclude: ["**/*.md", ...BY_HAND] });

/** What a plan is made from. */
export const terraformCode = (source: Directory): Directory => codeAndTests(source).filter({ exclude: ["**/tests"] });

/**
 * Terraform with the code at /terraform, and providers that stay between calls. These collect garbage less often than is usual: each
 * command has AWS' build its whole schema, of which that is a quarter of the time (and 1.6 GB instead of 1.2).
 */
export function terraformContainer(
  code: Directory,
  folder: string,
  pluginCache = dag.cacheVolume("terraform-providers"),
): Container {
  return dag
    .container()
    .from(images.terraform)
    .withMountedCache(PLUGINS, pluginCache)
    .withEnvVariable("TF_PLUGIN_CACHE_DIR", PLUGINS)
    .withEnvVariable("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "true") // there is no lock file to compare with
    .withEnvVariable("TF_IN_AUTOMATION", "true")
    .withEnvVariable("TF_INPUT", "false")
    .withEnvVariable("TF_CLI_ARGS", "-no-color")
    .withEnvVariable("CHECKPOINT_DISABLE", "true")
    .withEnvVariable("GOGC", "400")
    .withDirectory("/terraform", code)
    .withWorkdir(`/terraform/${folder}`);
}

/** A caller's variables as arguments: the file, and then the single ones, which win over it. */
export function settingsOf({ vars, varFile }: { vars: readonly string[]; varFile?: File }): string[] {
  for (const setting of vars) {
    if (!/^[A-Za-z_][\w-]*=/.test(setting))
      throw new Error(
        `--vars ${JSON.stringify(setting)} is no variable: write name=value, as --vars install_charts=false.`,
      );
    if (!isWhole(setting))
      throw new Error(
        `--vars ${JSON.stringify(setting)} is a part of a value: the CLI splits --vars at commas. Write lists and objects into a ` +
          ".tfvars file, and give that: --var-file values.tfvars.",
      );
  }
  return [...(varFile ? [`-var-file=${VAR_FILE}`] : []), ...vars.map((setting) => `-var=${setting}`)];
}

/** Whether all is closed that a value opens: brackets, braces, quotes. */
function isWhole(value: string): boolean {
  const bare = value.replace(/"(?:\\.|[^"\\])*"/g, "");
  const count = (mark: string) => bare.split(mark).length;
  return !bare.includes('"') && count("[") === count("]") && count("{") === count("}");
}

/** How long an `init` waits for the others: the first one fetches and unpacks all providers, which takes minutes. */
const LOCK_MINUTES = 15;

/** Is there while an `init` works, and after one that did not end well: what is newer may be a half. */
const UNFINISHED = `${PLUGINS}/.unfinished`;

/** What `init` has written down of the providers that it chose, in the working folder. */
const LOCK_FILE = ".terraform.lock.hcl";

/**
 * Two `init` at a time would write the same provider into the cache. The flock of busybox, which Alpine has, knows no limit itself.
 *
 * Providers from the registry bring the hashes of their archives (zh), those from the cache don't, and Terraform applies no plan that was
 * made with other hashes: what both have stays, the hash of what is installed (h1).
 *
 * @param args of `init`, as words of the shell
 */
const lockedInit = (args = "") => `exec 9>${PLUGINS}/.lock || exit
flock -n 9 || timeout ${LOCK_MINUTES * 60} flock 9 || {
  echo 'Error: Another run on this engine has held the lock of the providers for ${LOCK_MINUTES} minutes. Wait until it has ended, or end it, and repeat the call.' >&2
  exit 1
}
# Terraform unpacks a provider where the others find it: one that was cut off in the middle would be taken for whole.
if [ -e ${UNFINISHED} ]; then find ${PLUGINS} -mindepth 5 -maxdepth 5 -type d -newer ${UNFINISHED} -exec rm -rf {} +; fi
touch ${UNFINISHED} || exit
terraform init ${args}
code=$?
[ $code -ne 0 ] || rm ${UNFINISHED}
[ ! -f ${LOCK_FILE} ] || sed -i '/^ *"zh:/d' ${LOCK_FILE} || exit
exit $code`;

/** `terraform init` as a command. */
export const initCommand = (...options: string[]) => ["sh", "-c", lockedInit('"$@"'), "sh", ...options];

/** A stack's container, not yet initialized; what runs in it is never taken from the cache. */
export function stackContainer(stack: Stack): Container {
  const { source, folder, session, varFile, secretVariables = {}, pluginCache } = stack;
  // A lock names its owner by the user's name: the caller says more than root.
  const passwd = `${session.caller.replace(/[^\w+=,.@/-]/g, "_")}:x:0:0::/root:/bin/sh\n`;
  let container = terraformContainer(terraformCode(source), folder, pluginCache).withNewFile("/etc/passwd", passwd);
  if (varFile) container = container.withFile(VAR_FILE, varFile);
  for (const [name, secret] of Object.entries(secretVariables))
    if (secret) container = container.withSecretVariable(`TF_VAR_${name}`, secret);
  return uncached(withAwsSession(container, session));
}

/** The arguments of `init` that lead to the stack's state. */
export function backendConfig(session: AwsSession): string[] {
  const config = [`bucket=${stateBucket(session)}`, `region=${session.region}`];
  // A place that answers instead of AWS has no address for each bucket.
  if (session.endpoint) config.push("use_path_style=true");
  return config.map((setting) => `-backend-config=${setting}`);
}

/**
 * Initializes a stack with its remote state.
 *
 * @throws Error that says why it can't: no bucket, refused, no provider, broken code
 */
export async function initialize(stack: Stack): Promise<Container> {
  const outcome = await exec(stackContainer(stack), initCommand(...backendConfig(stack.session)));
  return expectSuccess("init", stack, outcome).container;
}

/** Selects the stack's workspace and runs a Terraform command in it, in one go. */
export const inWorkspace = (stack: Stack, container: Container, args: string[]): Promise<Outcome> =>
  exec(container, workspaceCommand(stack, args));

/** The command that selects the stack's workspace and then is Terraform. */
export function workspaceCommand({ workspace }: Stack, args: string[]): string[] {
  if (!workspace) return ["terraform", ...args];
  return ["sh", "-c", 'terraform workspace select "$1" >&2 && shift && exec terraform "$@"', "sh", workspace, ...args];
}

/** @throws Error that explains an outcome with a code other than 0 */
export function expectSuccess(command: string, stack: Stack, outcome: Outcome): Outcome {
  if (outcome.code === 0) return outcome;
  throw failureOf(command, stack, outcome);
}

/** Why a command failed, and what to do next. */
export const failureOf = (command: string, stack: Stack, { stdout, stderr }: Outcome): Error =>
  explainTerraform({
    command,
    environment: stack.workspace ?? stack.folder,
    bucket: stateBucket(stack.session),
    output: `${stdout}\n${stderr}`,
  });

/** What a plan file holds, as JSON: with secret values in clear. */
export async function showPlan(
  stack: Stack,
  container: Container,
  file: string,
): Promise<PlanJson & Record<string, unknown>> {
  const shown = expectSuccess("show", stack, await execQuietly(container, ["terraform", "show", "-json", file]));
  return JSON.parse(shown.stdout) as PlanJson & Record<string, unknown>;
}

const JSON_FILE = "/tmp/plan.json";
const SUM_FILE = "/tmp/plan.sha256";
const STEP_FILE = "/tmp/step";

/** The JSON of a plan that does nothing, as far as there is something to say. */
const nothing = { format_version: "1.2", resource_changes: [], applyable: false, complete: true, errored: false };

/**
 * A plan that makes its workspace if need be (which Terraform does for TF_WORKSPACE without being asked) saves a run of Terraform
 * before it. Where there must be one, it is selected. A plan that does nothing isn't read: that starts every provider once more,
 * and takes half as long as the plan. The file says, if a command fails, which it was.
 */
const PLAN = `
file=$1 workspace=$2 create=$3
shift 3
echo init >${STEP_FILE}
(${lockedInit()}) >&2 || exit
echo plan >${STEP_FILE}
if [ "$create" = true ]; then export TF_WORKSPACE="$workspace"
else terraform workspace select "$workspace" >&2 || exit
fi
terraform plan -detailed-exitcode -out="$file" "$@"
case $? in
  0) echo '${JSON.stringify(nothing)}' >${JSON_FILE} ;;
  2) show=true ;;
  *) exit 1 ;;
esac
sha256sum "$file" >${SUM_FILE}
[ "$show" ] || exit 0
echo show >${STEP_FILE}
terraform show -json "$file" >${JSON_FILE}
`;

/** The command of `planStack`; `words`: the plan file, the workspace, whether it is made, and then the arguments of `plan`. */
export const planCommand = (...words: string[]) => ["sh", "-c", PLAN, "sh", ...words];

/**
 * Initializes a stack, plans, and reads the plan, in one go: each command of its own would start a container.
 *
 * @param options.create makes the workspace if there is none
 * @returns the plan as JSON, with secret values in clear, and the container with the plan file, and the file's SHA-256
 */
export async function planStack(
  stack: Stack,
  file: string,
  args: readonly string[],
  { create = false } = {},
): Promise<{ json: PlanJson & Record<string, unknown>; container: Container; sha256: string }> {
  const container = stackContainer(stack).withEnvVariable("TF_CLI_ARGS_init", backendConfig(stack.session).join(" "));
  const words = [file, stack.workspace ?? "default", String(create), ...args];
  const outcome = await exec(container, planCommand(...words));
  if (outcome.code !== 0) throw failureOf((await outcome.container.file(STEP_FILE).contents()).trim(), stack, outcome);
  const [json, sum] = await Promise.all(
    [JSON_FILE, SUM_FILE].map((path) => quietContents(outcome.container.file(path))),
  );
  return {
    json: JSON.parse(json ?? "") as PlanJson & Record<string, unknown>,
    container: outcome.container.withoutEnvVariable("TF_CLI_ARGS_init"),
    sha256: firstWord(sum ?? ""),
  };
}

/** The hash in a line of `sha256sum`. */
export const firstWord = (line: string) => line.split(" ", 1)[0] ?? "";
