import { CacheSharingMode, type Container, dag, type File } from "@dagger.io/dagger";
import { checkAccount } from "./aws.js";
import type { EnvironmentEntry } from "./environments.js";
import { exec, quietContents, uncached } from "./exec.js";
import { images } from "./images.js";
import type { Log } from "./steps.js";
import { expectSuccess, initialize } from "./terraform.js";
import { platformStack, type TerraformRun } from "./terraformPlan.js";

/** Where states lie that could not be written to their bucket. */
const RESCUE = "/var/lib/terraform-rescue";

/** Gives a container the place of the rescued states. */
export const withRescue = (container: Container): Container =>
  container.withMountedCache(RESCUE, dag.cacheVolume("terraform-rescue"), { sharing: CacheSharingMode.Shared });

/** Where the rescued state of an environment lies: two accounts can each have one. */
export const rescuePath = (account: string, environment: string) => `${RESCUE}/${account}.${environment}.tfstate`;

/** Which of the rescued states. */
interface RescueQuestion {
  /** Whose, if there are several. */
  readonly account?: string;
  /** The number of an older one. */
  readonly older?: string;
  readonly log?: Log;
}

/** The state that the last failed apply could not write to its bucket, or an older one; the log names those that there are. */
export async function rescuedState({ name }: EnvironmentEntry, question: RescueQuestion = {}): Promise<File> {
  const { account, older, log } = question;
  checkAccount(account);
  const container = uncached(withRescue(dag.container().from(images.busybox)));
  const newest = rescuePath(account ?? "*", name);
  const listed = await exec(container, ["sh", "-c", `ls ${newest} ${newest}.* 2>/dev/null; true`]);
  const { path, aside } = chooseRescued(listed.stdout.split("\n").filter(Boolean), name, older);
  if (aside.length > 0) log?.(keptAside(aside, name));
  return container.withExec(["cp", path, "/errored.tfstate"]).file("/errored.tfstate");
}

/**
 * Chooses among the files of an environment's rescued states.
 *
 * @param older the number of an older one; default: the newest
 * @returns its path, and the older ones of the same account
 * @throws Error when it is not there, with those that are, or when several accounts have one
 */
export function chooseRescued(paths: readonly string[], name: string, older?: string) {
  const found = paths.filter((path) => numberOf(path) === older);
  const aside = paths.filter(numberOf);
  const [path] = found;
  if (path === undefined) {
    const none =
      older === undefined ? `No state of ${name} had to be rescued` : `No older state ${older} of ${name} is kept`;
    throw new Error(`${none} on this engine.${aside.length > 0 ? ` ${keptAside(aside, name)}` : ""}`);
  }
  if (found.length > 1)
    throw new Error(
      `States of ${name} were rescued in several accounts: ${found.map(accountOf).join(", ")}. Say which, before the function's name: --aws-account`,
    );
  return { path, aside: aside.filter((other) => accountOf(other) === accountOf(path)) };
}

/** Which older states there are, and how to get them. */
function keptAside(paths: readonly string[], name: string): string {
  const list = paths.map((path) => {
    const number = numberOf(path);
    return `${number} (account ${accountOf(path)}, replaced ${new Date(Number(number) * 1000).toISOString()})`;
  });
  return `Older states of ${name} are kept: ${list.join(", ")}. To get one: dagger call rescued-state --env ${name} --older NUMBER export --path older.tfstate`;
}

const accountOf = (path: string) => path.slice(RESCUE.length + 1).split(".", 1)[0];

/** The number of a state that a newer one has replaced: when that was, in seconds since 1970. The newest has none. */
const numberOf = (path: string) => /\.tfstate\.(\d+)$/.exec(path)?.[1];

/** Writes a state into the bucket, if it is of the same environment and newer, and forgets the rescued one that it is. */
const PUSH = `
terraform workspace select "$1" >&2 || exit
terraform state push /pushed.tfstate || exit
for kept in "$2" "$2".*; do
  if cmp -s /pushed.tfstate "$kept"; then rm "$kept"; fi
done
`;

/**
 * Puts a rescued state into its bucket. One of another environment is refused, and Terraform refuses one that is older than what is
 * there.
 */
export async function pushState(run: TerraformRun, file: File): Promise<string> {
  const { environment, session } = run;
  const serial = serialOf(await quietContents(file), environment);
  const stack = platformStack(run);
  const container = withRescue(await initialize(stack)).withFile("/pushed.tfstate", file);
  const path = rescuePath(session.account, environment.name);
  const outcome = await exec(container, ["sh", "-c", PUSH, "sh", environment.name, path]);
  expectSuccess("state push", stack, outcome);
  return `The state of ${environment.name} is in its bucket again (serial ${serial}). Plan next: it shows what the failed apply had not come to.\n`;
}

/**
 * A state's serial. Terraform compares lineages, but takes any state where the bucket's is empty: then the output `environment` tells
 * whose it is.
 *
 * @throws Error when the text is no state, or one of another environment
 */
export function serialOf(text: string, { name }: EnvironmentEntry): number {
  const { serial, lineage, outputs } = parseState(text);
  if (typeof serial !== "number" || typeof lineage !== "string")
    throw new Error("--state is no Terraform state: give the file that `rescued-state` exported.");
  const other = outputs?.environment?.value;
  if (typeof other === "string" && other !== name)
    throw new Error(`--state is the state of ${other}, and --env says ${name}. Nothing was written.`);
  return serial;
}

interface State {
  readonly serial?: unknown;
  readonly lineage?: unknown;
  readonly outputs?: { readonly environment?: { readonly value?: unknown } };
}

function parseState(text: string): State {
  try {
    return (JSON.parse(text) as State | null) ?? {};
  } catch {
    return {}; // the parser's words would quote the state
  }
}
