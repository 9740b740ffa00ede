import { type Directory, dag, ReturnType } from "@dagger.io/dagger";
import { images } from "./images.js";

/**
 * Checks the GitHub workflows with actionlint, and the shell in them with shellcheck.
 *
 * @throws Error with every finding: file, line, column, rule
 */
export async function lintWorkflows(source: Directory): Promise<string> {
  const folder = source.directory(".github/workflows");
  const names = await folder.glob("*.yml");
  const run = dag
    .container()
    .from(images.actionlint)
    .withMountedDirectory("/source/.github/workflows", folder)
    .withWorkdir("/source")
    .withExec(["actionlint", "-no-color", "-oneline", ...names.map((name) => `.github/workflows/${name}`)], {
      expect: ReturnType.Any,
    });
  const [code, findings, problems] = await Promise.all([run.exitCode(), run.stdout(), run.stderr()]);
  if (code !== 0) throw new Error(`actionlint found:\n${findings || problems}`);
  return `${names.length} workflows`;
}
