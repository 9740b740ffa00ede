import { type Directory, dag, ReturnType } from "@dagger.io/dagger";
import { parse } from "yaml";
import { renderChart } from "./chart.js";
import { type EnvironmentEntry, environments } from "./environments.js";
import { images } from "./images.js";
import { readRelease } from "./release.js";

/** The environments that have files of their own. */
const withFiles = environments.filter(({ name }) => name !== "local");

const folderOf = ({ releaseFile }: EnvironmentEntry) => releaseFile.replace(/\/[^/]+$/, "");

/**
 * Validates the rendered chart of each environment and all files in clusters/ against the schemas of their kinds.
 *
 * @returns a line that says how many resources
 * @throws Error with every invalid resource: file, kind, field
 */
export async function validateManifests(source: Directory): Promise<string> {
  let files = dag.directory();
  for (const entry of withFiles) {
    files = files
      .withFile(`rendered/${entry.name}.yaml`, await renderChart(source, entry))
      .withDirectory(folderOf(entry), source.directory(folderOf(entry)), { include: ["*.yaml"] });
  }
  const run = dag
    .container()
    .from(images.kubeconform)
    .withMountedDirectory("/schemas", dag.currentModule().source().directory("schemas"))
    .withMountedDirectory("/manifests", files)
    .withWorkdir("/manifests")
    .withExec(
      [
        ...["/kubeconform", "-strict", "-verbose", "-output", "json"],
        ...["-schema-location", "/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json", "."],
      ],
      { expect: ReturnType.Any },
    );
  const [stdout, stderr] = await Promise.all([run.stdout(), run.stderr()]);
  const { resources = [] } = parseResult(stdout, stderr);
  const invalid = resources.filter(({ status }) => !["statusValid", "statusSkipped"].includes(status));
  if (invalid.length === 0 && resources.length > 0) return `${resources.length} resources`;
  throw new Error(`Invalid manifests:\n${invalid.map(describe).join("\n") || stderr}`);
}

interface Resource {
  readonly filename: string;
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  readonly msg: string;
}

function parseResult(stdout: string, stderr: string): { resources?: Resource[] } {
  try {
    return JSON.parse(stdout) as { resources?: Resource[] };
  } catch {
    throw new Error(`kubeconform failed: ${stderr || stdout}`);
  }
}

const describe = ({ filename, kind, name, msg }: Resource) =>
  `  ${filename.replace(/^rendered\/(.*)\.yaml$/, "the chart as rendered for $1")}: ${[kind, name].filter(Boolean).join(" ")}: ${msg}`;

/**
 * Reads each environment's release file, and compares its kustomization with the files beside it.
 *
 * @throws Error with every fault: file, line, column
 */
export async function checkReleases(source: Directory): Promise<string> {
  const results = await Promise.all(withFiles.map((entry) => faultsOf(source, entry)));
  const faults = results.flatMap(({ faults }) => faults);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return results.map(({ tag }) => tag).join(", ");
}

async function faultsOf(source: Directory, entry: EnvironmentEntry): Promise<{ faults: string[]; tag: string }> {
  const faults: string[] = [];
  let tag = "";
  try {
    tag = `${entry.name} ${readRelease(await source.file(entry.releaseFile).contents(), entry.releaseFile).tag}`;
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  }
  const folder = source.directory(folderOf(entry));
  const kustomization = parse(await folder.file("kustomization.yaml").contents()) as { resources?: string[] };
  const files = (await folder.glob("*.yaml")).filter((file) => file !== "kustomization.yaml");
  const listed = new Set(kustomization.resources);
  for (const file of files.filter((name) => !listed.has(name)))
    faults.push(`${folderOf(entry)}/kustomization.yaml does not list ${file}: Flux would not apply it.`);
  for (const file of [...listed].filter((name) => !files.includes(name)))
    faults.push(`${folderOf(entry)}/kustomization.yaml lists ${file}, which is not there.`);
  return { faults, tag };
}
