import { type Directory, dag, ReturnType } from "@dagger.io/dagger";
import { images } from "./images.js";

/** Every shell script of the repository. */
const SCRIPTS = ["daggerw", ".ci/run", "embedded/engine/start", "pipeline/node/start"];

/**
 * Checks the repository's shell scripts with shellcheck.
 *
 * @throws Error with shellcheck's findings: file, line, rule
 */
export async function lintScripts(source: Directory): Promise<string> {
  const run = dag
    .container()
    .from(images.actionlint) // it has shellcheck
    .withMountedDirectory("/source", source.filter({ include: SCRIPTS }))
    .withWorkdir("/source")
    .withExec(["shellcheck", "--format", "gcc", ...SCRIPTS], { expect: ReturnType.Any });
  const [code, findings, problems] = await Promise.all([run.exitCode(), run.stdout(), run.stderr()]);
  if (code !== 0) throw new Error(`shellcheck found:\n${findings || problems}`);
  return `${SCRIPTS.length} scripts`;
}
