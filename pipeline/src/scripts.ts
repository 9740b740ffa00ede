import { type Directory, dag } from "@dagger.io/dagger";
import { exec } from "./exec.js";
import { images } from "./images.js";

/** Prints the files whose first line names a POSIX shell or bash. */
const FIND = "find . -type f -size -256k -exec awk 'FNR == 1 && /^#!.*[\\/ ](ba)?sh( |$)/ { print FILENAME }' {} +";

/**
 * Checks all shell scripts of the repository with shellcheck: they are known by their first line.
 *
 * @throws Error with shellcheck's findings: file, line, rule
 */
export async function lintScripts(source: Directory): Promise<string> {
  const scripts = await shellScripts(source);
  const container = dag
    .container()
    .from(images.actionlint) // it has shellcheck
    .withMountedDirectory("/source", source.filter({ include: scripts }))
    .withWorkdir("/source");
  const { code, stdout, stderr } = await exec(container, ["shellcheck", "--format", "gcc", ...scripts]);
  if (code !== 0) throw new Error(`shellcheck found:\n${stdout || stderr}`);
  return `${scripts.length} scripts`;
}

async function shellScripts(source: Directory): Promise<string[]> {
  const container = dag
    .container()
    .from(images.actionlint)
    .withMountedDirectory("/source", source)
    .withWorkdir("/source");
  const { code, stdout, stderr } = await exec(container, ["sh", "-c", FIND]);
  if (code !== 0 || !stdout) throw new Error(`Looking for shell scripts failed: ${stderr || "there are none"}`);
  return stdout
    .trim()
    .split("\n")
    .map((path) => path.replace(/^\.\//, ""))
    .sort();
}
