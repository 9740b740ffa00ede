import { type Directory, dag, ReturnType } from "@dagger.io/dagger";
import { LineCounter, parseDocument } from "yaml";
import { CHART, environmentsWithFiles, renderChart } from "./chart.js";
import type { EnvironmentEntry } from "./environments.js";
import { images } from "./images.js";
import { readRelease } from "./release.js";
import { describeError } from "./steps.js";
import { together } from "./together.js";

const folderOf = ({ releaseFile }: EnvironmentEntry) => releaseFile.replace(/\/[^/]+$/, "");

/**
 * Validates the rendered chart of each environment and all files in clusters/ against the schemas of their kinds.
 *
 * @returns a line that says how many resources
 * @throws Error with every invalid resource: file, kind, field
 */
export async function validateManifests(source: Directory): Promise<string> {
  const counts = await together([
    ...environmentsWithFiles.map(async (entry) => {
      const name = `the chart as rendered for ${entry.name}`;
      return validate(dag.directory().withFile(name, await renderChart(source, entry)), [name]);
    }),
    validateClusters(source),
  ]);
  return `${counts.reduce((sum, count) => sum + count, 0)} resources`;
}

async function validateClusters(source: Directory): Promise<number> {
  const folders = environmentsWithFiles.map(folderOf);
  const include = folders.flatMap((folder) => [`${folder}/*.yaml`, `${folder}/*.yml`]);
  return await validate(source.filter({ include }), ["clusters"]);
}

/** Runs kubeconform; the files' paths are their names in the error. */
async function validate(files: Directory, paths: string[]): Promise<number> {
  const run = dag
    .container()
    .from(images.kubeconform)
    .withMountedDirectory("/schemas", dag.currentModule().source().directory("schemas"))
    .withMountedDirectory("/manifests", files)
    .withWorkdir("/manifests")
    .withExec(
      [
        ...["/kubeconform", "-strict", "-verbose", "-output", "json"],
        ...["-schema-location", "/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json", ...paths],
      ],
      { expect: ReturnType.Any },
    );
  const [stdout, stderr] = await Promise.all([run.stdout(), run.stderr()]);
  const { resources = [] } = parseResult(stdout, stderr);
  const filled = new Set(resources.filter(({ status }) => status !== EMPTY).map(({ filename }) => filename));
  // An empty document beside others is nothing; a file of nothing else is a mistake.
  const relevant = resources.filter(({ status, filename }) => status !== EMPTY || !filled.has(filename));
  const invalid = relevant.filter(({ status }) => status !== "statusValid" && status !== "statusSkipped");
  if (invalid.length === 0 && relevant.length > 0) return relevant.length;
  throw new Error(
    `Invalid manifests:\n${invalid.map(describe).join("\n") || stderr || `  there is none in ${paths.join(", ")}`}`,
  );
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

const describe = ({ filename, kind, name, status, msg }: Resource) =>
  `  ${[filename, [kind, name].filter(Boolean).join(" "), status === EMPTY ? "holds no resource" : msg].filter(Boolean).join(": ")}`;

/**
 * Reads each environment's release file, compares it with what the pipeline works with, and compares the kustomization with
 * the files beside it.
 *
 * @throws Error with every fault: file, line, column
 */
export async function checkReleases(source: Directory): Promise<string> {
  const tags = await together(
    environmentsWithFiles.flatMap((entry) => [
      checkRelease(source, entry),
      ...["kustomization.yaml"].map(async (name) => checkKustomization(source, folderOf(entry), name)),
    ]),
  );
  return tags.filter(Boolean).join(", ");
}
