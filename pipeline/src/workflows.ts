import { type Directory, dag } from "@dagger.io/dagger";
import { exec } from "./exec.js";
import { images } from "./images.js";

/** GitHub has it since 2026-05-07, actionlint 1.7.12 not yet (https://github.com/rhysd/actionlint/issues/657). */
const UNKNOWN_TO_ACTIONLINT = 'unexpected key "queue" for "concurrency" section';

/**
 * Checks the GitHub workflows with actionlint, and the shell in them with shellcheck.
 *
 * @throws Error with every finding: file, line, column, rule
 */
export async function lintWorkflows(source: Directory): Promise<string> {
  const names = (await source.glob(".github/workflows/*")).filter((path) => /\.ya?ml$/.test(path));
  if (names.length === 0) throw new Error("There is no workflow in .github/workflows.");
  const actionlint = dag
    .container()
    .from(images.actionlint)
    .withMountedDirectory("/source", source.filter({ include: names }))
    .withWorkdir("/source");
  const options = ["-no-color", "-oneline", "-ignore", UNKNOWN_TO_ACTIONLINT];
  const { code, stdout, stderr } = await exec(actionlint, ["actionlint", ...options, ...names]);
  if (code !== 0) throw new Error(stdout || `actionlint failed: ${stderr}`);
  return `${names.length} workflows`;
}
