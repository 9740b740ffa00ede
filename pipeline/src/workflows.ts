import { type Directory, dag, ReturnType } from "@dagger.io/dagger";
import { images } from "./images.js";

/**
 * Checks the GitHub workflows with actionlint, and the shell in them with shellcheck.
 *
 * @throws Error with every finding: file, line, column, rule
 */
export async function lintWorkflows(source: Directory): Promise<string> {
  const names = (await source.glob(".github/workflows/*")).filter((path) => /\.ya?ml$/.test(path));
  if (names.length === 0) throw new Error("There is no workflow in .github/workflows.");
  const run = dag
    .container()
    .from(images.actionlint)
    .withMountedDirectory("/source", source.filter({ include: names }))
    .withWorkdir("/source")
    .withExec(["actionlint", "-no-color", "-oneline", ...names], {
      expect: ReturnType.Any,
    });
  const [code, findings, problems] = await Promise.all([run.exitCode(), run.stdout(), run.stderr()]);
  if (code !== 0) throw new Error(findings || `actionlint failed: ${problems}`);
  return `${names.length} workflows`;
}
