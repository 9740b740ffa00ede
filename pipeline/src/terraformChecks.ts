import { type Changeset, type Container, type Directory, dag } from "@dagger.io/dagger";
import pLimit from "p-limit";
import { exec, uncached } from "./exec.js";
import { images } from "./images.js";
import { describeError } from "./steps.js";
import { codeAndTests, initCommand, terraformContainer } from "./terraform.js";
import { together } from "./together.js";

/** The AWS provider takes a processor and half a gigabyte for each Terraform that loads it. */
const AT_A_TIME = 3;

/** The folders in terraform/ that are modules: those with Terraform files, but not their tests. */
async function moduleFolders(source: Directory): Promise<string[]> {
  const files = await source.directory("terraform").glob("**/*.tf");
  if (files.length === 0) throw new Error("There is no Terraform code in terraform/.");
  return [...new Set(files.map((file) => file.replace(/[^/]+$/, "").replace(/\/$/, "") || "."))].sort();
}

/**
 * Compares the code with Terraform's own format.
 *
 * @throws Error with the files and the differences
 */
export async function checkTerraformFormat(source: Directory): Promise<string> {
  const container = terraformContainer(codeAndTests(source), ".");
  const { code, stdout, stderr } = await exec(container, ["terraform", "fmt", "-check", "-recursive", "-diff"]);
  if (code === 0) return "";
  throw new Error(`${stderr || `These are not in Terraform's format:\n${stdout}`}\nNext: dagger call fmt`);
}

/** The change that brings the code into Terraform's own format. */
export async function formatTerraform(source: Directory): Promise<Changeset> {
  const before = source.directory("terraform");
  const container = terraformContainer(before, ".");
  const { code, stderr, container: formatted } = await exec(container, ["terraform", "fmt", "-recursive"]);
  if (code !== 0) throw new Error(stderr);
  return source.withDirectory("terraform", formatted.directory("/terraform")).changes(source);
}

/**
 * Lints all of terraform/ with tflint, by the rules of terraform/.tflint.hcl.
 *
 * @throws Error with tflint's findings: file, line, rule
 */
export async function lintTerraform(source: Directory): Promise<string> {
  const container = dag
    .container()
    .from(images.tflint)
    .withMountedDirectory("/terraform", codeAndTests(source))
    .withWorkdir("/terraform");
  const lint = ["tflint", "--recursive", "--format=compact", "--no-color", "--config=/terraform/.tflint.hcl"];
  const { code, stdout, stderr } = await exec(container, lint);
  if (code !== 0) throw new Error(`tflint found:\n${[stdout, stderr].join("\n").trim()}`);
  return `${(await moduleFolders(source)).length} modules`;
}

/**
 * Validates the stacks and every module by itself against the schemas of the real providers.
 *
 * @throws Error with every fault: file, line, what
 */
export async function validateTerraform(source: Directory): Promise<string> {
  const folders = await moduleFolders(source);
  await inEach(source, folders, validate);
  return `${folders.length} modules`;
}

/**
 * Runs the modules' own tests (*.tftest.hcl): plans with simulated providers, no account.
 *
 * @throws Error with what failed in which module
 */
export async function testTerraform(source: Directory): Promise<string> {
  const files = await source.directory("terraform").glob("**/*.tftest.hcl");
  const folders = [...new Set(files.map((file) => file.replace(/\/?tests\/[^/]+$/, "") || "."))].sort();
  const passed = await inEach(source, folders, test);
  return `${passed.reduce((sum, count) => sum + count, 0)} tests in ${folders.length} modules`;
}

/**
 * Scans the code against checkov's policies for AWS and Kubernetes; an exception stands beside the code with its reason.
 *
 * @throws Error with each finding: policy, resource, file, line
 */
export async function scanTerraform(source: Directory): Promise<string> {
  const container = dag
    .container()
    .from(images.checkov)
    .withMountedDirectory("/terraform", codeAndTests(source))
    .withWorkdir("/terraform");
  const { stdout, stderr } = await exec(container, [
    ...["checkov", "--directory", ".", "--framework", "terraform", "--output", "json", "--compact", "--quiet"],
    ...["--skip-download", "--download-external-modules", "false"],
  ]);
  const { passed, skipped, failed } = scanResult(stdout, stderr);
  if (failed.length > 0)
    throw new Error(
      `checkov found:\n${failed.map(describeFinding).sort().join("\n")}\n` +
        "Next: mend it, or write `#checkov:skip=ID:reason` into the resource.",
    );
  return `${passed} passed, ${skipped} exceptions`;
}

async function inEach<T>(
  source: Directory,
  folders: readonly string[],
  work: (container: Container, folder: string) => Promise<T>,
): Promise<T[]> {
  const limit = pLimit(AT_A_TIME);
  const code = codeAndTests(source);
  return await together(
    folders.map((folder) =>
      limit(async () => {
        const ready = await initialized(terraformContainer(code, folder), folder);
        return await work(ready, folder).catch((error: unknown) => {
          if (!ACCIDENT.test(describeError(error))) throw error;
          return work(uncached(ready), folder);
        });
      }),
    ),
  );
}

/** How Terraform ends for want of memory, for which the code can do nothing; the engine keeps such a result as any other. */
const ACCIDENT =
  /Plugin did not respond|Failed to load plugin schemas|instantiate provider|signal: killed|exit code:? 137\b/i;

/** Not by `exec`, whose failures are kept: a registry that did not answer would not be asked again by the next call. */
async function initialized(container: Container, folder: string): Promise<Container> {
  try {
    return await container.withExec(initCommand("-backend=false")).sync();
  } catch (error) {
    throw new Error(`terraform/${folder}: init failed:\n${describeError(error)}`);
  }
}

interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail?: string;
  readonly range?: { readonly filename: string; readonly start: { readonly line: number } };
}

async function validate(container: Container, folder: string): Promise<void> {
  const { code, stdout, stderr } = await exec(container, ["terraform", "validate", "-json"]);
  const { valid, diagnostics = [] } = parseJson<{ valid: boolean; diagnostics?: Diagnostic[] }>(
    stdout,
    `terraform validate failed in ${folder} (exit code ${code}): ${stderr}`,
  );
  if (valid) return;
  const lines = diagnostics
    .filter(({ severity }) => severity === "error")
    .map(({ range, summary, detail }) => {
      const file = ["terraform", folder, range?.filename].filter((part) => part && part !== ".").join("/");
      return `${file}${range ? `:${range.start.line}` : ""}: ${summary}${detail ? `: ${detail.replace(/\s+/g, " ")}` : ""}`;
    });
  throw new Error(lines.join("\n"));
}

async function test(container: Container, folder: string): Promise<number> {
  const { code, stdout, stderr } = await exec(container, ["terraform", "test"]);
  const [, passed, failed] = /^(?:Success|Failure)! (\d+) passed, (\d+) failed/m.exec(stdout) ?? [];
  if (code === 0 && Number(passed) > 0 && failed === "0") return Number(passed);
  throw new Error(
    `terraform test failed in terraform/${folder} (exit code ${code}):\n${[stdout, stderr].join("\n").trim()}`,
  );
}

interface Finding {
  readonly check_id: string;
  readonly check_name: string;
  readonly resource: string;
  readonly file_path: string;
  readonly file_line_range: readonly number[];
}

function scanResult(stdout: string, stderr: string): { passed: number; skipped: number; failed: Finding[] } {
  const { summary, results } = parseJson<{
    summary?: { passed: number; skipped: number; failed: number };
    results?: { failed_checks?: Finding[]; parsing_errors?: string[] };
  }>(stdout, `checkov failed: ${stderr}`);
  if (!summary || summary.passed === 0) throw new Error(`checkov has checked nothing:\n${stdout}\n${stderr}`);
  const unread = results?.parsing_errors ?? [];
  if (unread.length > 0) throw new Error(`checkov can't read, and so has not scanned: ${unread.sort().join(", ")}`);
  return { ...summary, failed: results?.failed_checks ?? [] };
}

const describeFinding = ({ check_id, check_name, resource, file_path, file_line_range }: Finding) =>
  `terraform${file_path}:${file_line_range[0]}: ${check_id} ${check_name} (${resource})`;

function parseJson<T>(text: string, failure: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${failure}\n${text}`.trim());
  }
}
