import { type Directory, dag } from "@dagger.io/dagger";
import { exec } from "./exec.js";
import { images } from "./images.js";

/** Every shell script of the repository. */
const SCRIPTS = ["daggerw", ".ci/run", "embedded/engine/start", "pipeline/node/start"];

/**
 * Checks the repository's shell scripts with shellcheck.
 *
 * @throws Error with shellcheck's findings: file, line, rule
 */
export async function lintScripts(source: Directory): Promise<string> {
  const shellcheck = dag
    .container()
    .from(images.actionlint) // it has shellcheck
    .withMountedDirectory("/source", source.filter({ include: SCRIPTS }))
    .withWorkdir("/source");
  const { code, stdout, stderr } = await exec(shellcheck, ["shellcheck", "--format", "gcc", ...SCRIPTS]);
  if (code !== 0) throw new Error(`shellcheck found:\n${stdout || stderr}`);
  return `${SCRIPTS.length} scripts`;
}
