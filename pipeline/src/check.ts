import type { Directory } from "@dagger.io/dagger";
import { lintChart } from "./chart.js";
import { checkReleases, validateManifests } from "./manifests.js";
import { lintScripts } from "./scripts.js";
import type { NamedWork } from "./steps.js";
import { lintWorkflows } from "./workflows.js";

/** The names of the checks, in the order of the report. */
export const CHECKS = ["release files", "lint chart", "validate manifests", "lint workflows", "lint scripts"] as const;

/** All that a commit must pass, as steps that run together. */
export function checks(source: Directory): NamedWork<void>[] {
  const work = (name: string, run: (source: Directory) => Promise<string>): NamedWork<void> => ({
    name,
    run: async (note) => note(await run(source)),
  });
  return [
    work(CHECKS[0], checkReleases),
    work(CHECKS[1], lintChart),
    work(CHECKS[2], validateManifests),
    work(CHECKS[3], lintWorkflows),
    work(CHECKS[4], lintScripts),
  ];
}
