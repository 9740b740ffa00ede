import type { Directory } from "@dagger.io/dagger";
import { lintChart } from "./chart.js";
import { checkReleases, validateManifests } from "./manifests.js";
import { lintScripts } from "./scripts.js";
import type { NamedWork } from "./steps.js";
import { lintWorkflows } from "./workflows.js";

/** All that a commit must pass, in the order of the report; each returns a line on what it looked at. */
const table: Record<string, (source: Directory) => Promise<string>> = {
  "release files": checkReleases,
  "lint chart": lintChart,
  "validate manifests": validateManifests,
  "lint workflows": lintWorkflows,
  "lint scripts": lintScripts,
};

/** The names of the checks. */
export const CHECKS: readonly string[] = Object.keys(table);

/** The checks as steps that run together. */
export function checks(source: Directory): NamedWork<void>[] {
  return Object.entries(table).map(([name, check]) => ({ name, run: async (note) => note(await check(source)) }));
}
