import { CacheSharingMode, type Container, dag, type File } from "@dagger.io/dagger";
import { checkAccount } from "./aws.js";
import type { EnvironmentEntry } from "./environments.js";
import { exec, uncached } from "./exec.js";
import { images } from "./images.js";
import { platformStack, type TerraformRun } from "./plan.js";
import { expectSuccess, initialize } from "./terraform.js";

/** Where states lie that could not be written to their bucket. */
const RESCUE = "/var/lib/terraform-rescue";

/** Gives a container the place of the rescued states. */
export const withRescue = (container: Container): Container =>
  container.withMountedCache(RESCUE, dag.cacheVolume("terraform-rescue"), { sharing: CacheSharingMode.Shared });

/** Where the rescued state of an environment lies: two accounts can each have one. */
export const rescuePath = (account: string, environment: string) => `${RESCUE}/${account}.${environment}.tfstate`;

/**
 * The state that the last failed apply could not write to its bucket.
 *
 * @param account whose, if there are several
 */
export async function rescuedState({ name }: EnvironmentEntry, account?: string): Promise<File> {
  checkAccount(account);
  const container = withRescue(uncached(dag.container().from(images.busybox)));
  const paths = rescuePath(account ?? "*", name);
  const listed = await exec(container, ["sh", "-c", `ls ${paths} 2>/dev/null; true`]);
  const found = listed.stdout.split("\n").filter(Boolean);
  const [path] = found;
  if (path === undefined) throw new Error(`No state of ${name} had to be rescued on this engine.`);
  if (found.length > 1)
    throw new Error(
      `States of ${name} were rescued in several accounts: ${found.map(accountOf).join(", ")}. Say which, before the function's name: --aws-account`,
    );
  return container.withExec(["cp", path, "/errored.tfstate"]).file("/errored.tfstate");
}

const accountOf = (path: string) => path.slice(RESCUE.length + 1).split(".", 1)[0];

/** Writes a state into the bucket, if it is of the same environment and newer, and forgets the rescued one that it is. */
const PUSH = `
terraform workspace select "$1" >&2 || exit
terraform state push /pushed.tfstate || exit
if cmp -s /pushed.tfstate "$2"; then rm "$2"; fi
`;

/**
 * Puts a rescued state into its bucket. Terraform refuses one that is older than what is there, or of another environment.
 */
export async function pushState(run: TerraformRun, file: File): Promise<string> {
  const { environment, session } = run;
  const serial = serialOf(await file.contents());
  const stack = platformStack(run);
  const container = withRescue(await initialize(stack)).withFile("/pushed.tfstate", file);
  const path = rescuePath(session.account, environment.name);
  const outcome = await exec(container, ["sh", "-c", PUSH, "sh", environment.name, path]);
  expectSuccess("state push", stack, outcome);
  return `The state of ${environment.name} is in its bucket again (serial ${serial}). Plan next: it shows what the failed apply had not come to.\n`;
}

/** @throws Error when the text is no state */
function serialOf(text: string): number {
  try {
    const { serial, lineage } = JSON.parse(text) as { serial?: unknown; lineage?: unknown };
    if (typeof serial === "number" && typeof lineage === "string") return serial;
  } catch {
    // the parser's words would quote the state
  }
  throw new Error("--state is no Terraform state: give the file that `rescued-state` exported.");
}
