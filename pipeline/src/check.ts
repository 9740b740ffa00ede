import type { Directory } from "@dagger.io/dagger";
import { lintChart } from "./chart.js";
import { checkReleases, validateManifests } from "./manifests.js";
import type { Report } from "./report.js";
import { lintScripts } from "./scripts.js";
import { type Log, type NamedWork, runSteps } from "./steps.js";
import {
  checkTerraformFormat,
  lintTerraform,
  scanTerraform,
  testTerraform,
  validateTerraform,
} from "./terraformChecks.js";
import { lintWorkflows } from "./workflows.js";

/** Checks by their names, in the order of the report; each returns a line on what it looked at. */
type Checks = Readonly<Record<string, (source: Directory) => Promise<string>>>;

/** What the Terraform code must pass and takes seconds. */
const quickOfInfra: Checks = {
  "format of Terraform": checkTerraformFormat,
  "lint Terraform": lintTerraform,
};

/** All that a commit must pass. */
const table: Checks = {
  "release files": checkReleases,
  "lint chart": lintChart,
  "validate manifests": validateManifests,
  "lint workflows": lintWorkflows,
  "lint scripts": lintScripts,
  ...quickOfInfra,
};

/** All that the Terraform code must pass; some of it needs the providers, which are large. */
const infraTable: Checks = {
  ...quickOfInfra,
  "validate Terraform": validateTerraform,
  "test Terraform": testTerraform,
  "policy scan": scanTerraform,
};

/** The names of the checks. */
export const CHECKS: readonly string[] = Object.keys(table);

/** The checks as steps that run together. */
export const checks = (source: Directory): NamedWork<void>[] => steps(table, source);

/** Runs all checks together. */
export const check = (source: Directory, log: Log): Promise<Report> => together("check", table, source, log);

/** Runs all checks of the Terraform code together. */
export const checkInfra = (source: Directory, log: Log): Promise<Report> =>
  together("check-infra", infraTable, source, log);

async function together(title: string, checks: Checks, source: Directory, log: Log): Promise<Report> {
  const plan = [Object.keys(checks)];
  return (await runSteps({ title, plan, log }, (run) => run.parallel(steps(checks, source)))).report;
}

function steps(checks: Checks, source: Directory): NamedWork<void>[] {
  return Object.entries(checks).map(([name, check]) => ({ name, run: async (note) => note(await check(source)) }));
}
