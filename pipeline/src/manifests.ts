import { type Directory, dag } from "@dagger.io/dagger";
import { LineCounter, parseDocument } from "yaml";
import { renderChart, renderVariants } from "./chart.js";
import { CHART, type EnvironmentEntry, environmentsWithFiles, folderOf } from "./environments.js";
import { exec } from "./exec.js";
import { images } from "./images.js";
import { isAnalysed } from "./release.js";
import { releaseOf } from "./releaseFile.js";
import { together } from "./together.js";

/** What a cluster may get besides: no environment names it. */
const OPTIONAL = "clusters/optional";

/**
 * Validates the chart as rendered for each environment and for each file of appManifests/ci, and the files in clusters/dev, prod and
 * optional, against the schemas of their kinds.
 *
 * @returns a line that says how many resources
 * @throws Error with every invalid resource: file, kind, field
 */
export async function validateManifests(source: Directory): Promise<string> {
  const counts = await together([
    ...environmentsWithFiles.map(async (entry) => {
      const rendered = await renderChart(source, entry);
      return validate(dag.directory().withFile(`rendered/${entry.name}.yaml`, rendered), "rendered");
    }),
    validateVariants(source),
    validateClusters(source),
  ]);
  return `${counts.reduce((sum, count) => sum + count, 0)} resources`;
}

/** No environment uses all of the chart: an Ingress, for one. */
async function validateVariants(source: Directory): Promise<number> {
  return await validate(dag.directory().withDirectory("rendered", await renderVariants(source)), "rendered");
}

async function validateClusters(source: Directory): Promise<number> {
  const folders = [...environmentsWithFiles.map(folderOf), OPTIONAL];
  const include = folders.flatMap((folder) => [`${folder}/**/*.yaml`, `${folder}/**/*.yml`]);
  return await validate(source.filter({ include }), "clusters");
}

/** Runs kubeconform on a folder of `files`; the files' paths are their names in the error. */
async function validate(files: Directory, folder: string): Promise<number> {
  const kubeconform = dag
    .container()
    .from(images.kubeconform)
    .withMountedDirectory("/schemas", dag.currentModule().source().directory("schemas"))
    .withMountedDirectory("/manifests", files)
    .withWorkdir("/manifests");
  const { stdout, stderr } = await exec(kubeconform, [
    ...["/kubeconform", "-strict", "-verbose", "-output", "json"],
    ...["-schema-location", "/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json", folder],
  ]);
  const { resources = [] } = parseResult(stdout, stderr);
  const filled = new Set(resources.filter(({ status }) => status !== EMPTY).map(({ filename }) => filename));
  // An empty document beside others is nothing; a file of nothing else is a mistake.
  const relevant = resources.filter(({ status, filename }) => status !== EMPTY || !filled.has(filename));
  const invalid = relevant.filter(({ status }) => status !== "statusValid" && status !== "statusSkipped");
  if (invalid.length === 0 && relevant.length > 0) return relevant.length;
  throw new Error(invalid.map(describe).sort().join("\n") || stderr || `There is no manifest in ${folder}.`);
}

/** What kubeconform calls a document without a resource. */
const EMPTY = "";

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

function describe({ filename, kind, name, status, msg }: Resource): string {
  const file = filename.replace(/^rendered\/(.*)\.yaml$/, "the chart as rendered for $1");
  const resource = [kind, name].filter(Boolean).join(" ");
  return [file, resource, status === EMPTY ? "holds no resource" : msg].filter(Boolean).join(": ");
}

/**
 * Reads each environment's release file, compares it with what the pipeline works with, and compares the kustomization with
 * the files beside it.
 *
 * @throws Error with every fault: file, line, column
 */
export async function checkReleases(source: Directory): Promise<string> {
  const releases = together(environmentsWithFiles.map((entry) => checkRelease(source, entry)));
  const kustomizations = together(environmentsWithFiles.map((entry) => checkKustomization(source, folderOf(entry))));
  await together<unknown>([releases, kustomizations]);
  return (await releases).join(", ");
}

async function checkRelease(source: Directory, entry: EnvironmentEntry): Promise<string> {
  const file = entry.releaseFile;
  const { tag, targetNamespace, chart, upgradesUnawaited, values } = await releaseOf(source, entry);
  const faults: string[] = [];
  if (targetNamespace !== entry.namespace)
    faults.push(`${file}: releases into the namespace ${targetNamespace}; the pipeline deploys to ${entry.namespace}.`);
  if (chart.replace(/^\.\//, "").replace(/\/$/, "") !== CHART)
    faults.push(`${file}: releases the chart ${chart}; the pipeline tests ./${CHART}.`);
  if (upgradesUnawaited && !isAnalysed(values))
    faults.push(
      `${file}: spec.upgrade.disableWait is true, and spec.values.canary.enabled is not: nobody would judge an upgrade, ` +
        "and Flux would leave a broken version in place. Remove disableWait, or enable the canary.",
    );
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return `${entry.name} ${tag}`;
}

async function checkKustomization(source: Directory, folder: string): Promise<void> {
  const file = `${folder}/kustomization.yaml`;
  const files = (await source.glob(`${folder}/**/*`))
    .filter((path) => /\.ya?ml$/.test(path))
    .map((path) => path.slice(folder.length + 1));
  if (!files.includes("kustomization.yaml"))
    throw new Error(`${file} is missing: write one that lists the files to apply.`);
  const listed = resourcesOf(await source.file(file).contents(), file);
  const faults = [
    ...files
      .filter((name) => name !== "kustomization.yaml" && !listed.includes(name))
      .map((name) => `${file} does not list ${name}: Flux would not apply it.`),
    ...listed
      .filter((name) => !files.includes(name))
      .map((name) => {
        const isFolder = files.some((path) => path.startsWith(`${name.replace(/\/$/, "")}/`));
        return `${file} lists ${name}, which is ${isFolder ? "a folder: list its files" : "not there"}.`;
      }),
  ];
  if (faults.length > 0) throw new Error(faults.join("\n"));
}

function resourcesOf(text: string, file: string): string[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new Error(`${file}:${line}:${col}: broken YAML: ${error.message}`);
  }
  const { resources } = (document.toJS() ?? {}) as { resources?: unknown };
  if (Array.isArray(resources) && resources.every((name) => typeof name === "string"))
    return resources.map((name) => name.replace(/^\.\//, ""));
  throw new Error(`${file}: resources is no list of files.`);
}
