import { type Directory, dag } from "@dagger.io/dagger";
import { Document, isScalar, LineCounter, parseAllDocuments, parseDocument } from "yaml";
import { renderChart, renderVariants } from "./chart.js";
import { CHART, type EnvironmentEntry, environmentsWithFiles, folderOf } from "./environments.js";
import { exec } from "./exec.js";
import { images } from "./images.js";
import { type HelmRelease, isAnalysed } from "./release.js";
import { releaseOf } from "./releaseFile.js";
import { together } from "./together.js";
import { faultOf, messageAt, placeIn } from "./yamlFile.js";

/** What a cluster may get besides: no environment names it. */
const OPTIONAL = "clusters/optional";

/**
 * Validates the chart as rendered for each environment and for each file of appManifests/ci, and the files in clusters/dev, prod and
 * optional, against the schemas of their kinds.
 *
 * @returns a line that says how many resources, and which were not checked: those of projects that have no schemas here
 * @throws Error with every invalid resource: file, kind, field
 */
export async function validateManifests(source: Directory): Promise<string> {
  const parts = await together([
    ...environmentsWithFiles.map(async (entry) => {
      const rendered = await renderChart(source, entry);
      return validate(dag.directory().withFile(`rendered/${entry.name}.yaml`, rendered), "rendered");
    }),
    validateVariants(source),
    validateClusters(source),
  ]);
  const count = parts.reduce((sum, { valid }) => sum + valid, 0);
  const unchecked = [...new Set(parts.flatMap((part) => part.unchecked))];
  return [`${count} resources`, ...(unchecked.length > 0 ? [`not checked: ${unchecked.join(", ")}`] : [])].join("; ");
}

/** No environment uses all of the chart: an Ingress, for one. */
async function validateVariants(source: Directory): Promise<Judgement> {
  return await validate(dag.directory().withDirectory("rendered", await renderVariants(source)), "rendered");
}

async function validateClusters(source: Directory): Promise<Judgement> {
  const folders = [...environmentsWithFiles.map(folderOf), OPTIONAL];
  const include = folders.flatMap((folder) => [`${folder}/**/*.yaml`, `${folder}/**/*.yml`]);
  const exclude = (await Promise.all(folders.map((folder) => patchFiles(source, folder)))).flat();
  return await validate(source.filter({ include, exclude }), "clusters");
}

/** A patch is no resource by itself. */
async function patchFiles(source: Directory, folder: string): Promise<string[]> {
  const lists = (await source.glob(`${folder}/**/*`)).filter((path) => path.endsWith("/kustomization.yaml"));
  const found = lists.map(async (list) => {
    const { patches } = contentOf(parseDocument(await source.file(list).contents()));
    return patches.map((name) => list.replace("kustomization.yaml", name));
  });
  return (await Promise.all(found)).flat();
}

/** Runs kubeconform on a folder of `files`; the files' paths are their names in the error. */
async function validate(files: Directory, folder: string): Promise<Judgement> {
  const schemas = dag.currentModule().source().directory("schemas");
  const kubeconform = dag
    .container()
    .from(images.kubeconform)
    .withMountedDirectory("/schemas", schemas)
    .withMountedDirectory("/manifests", files)
    .withWorkdir("/manifests");
  const args = [
    ...["/kubeconform", "-strict", "-verbose", "-ignore-missing-schemas", "-output", "json"],
    ...["-schema-location", "/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json", folder],
  ];
  const [{ stdout, stderr }, groups] = await Promise.all([
    exec(kubeconform, args),
    schemas.file("groups.txt").contents(),
  ]);
  const { resources = [] } = parseResult(stdout, stderr);
  const judgement = judge(resources, groups.trim().split("\n"));
  const { faults, valid, unchecked } = judgement;
  if (faults.length === 0 && valid + unchecked.length > 0) return judgement;
  throw new Error(faults.join("\n") || stderr || `There is no manifest in ${folder}.`);
}

/** What is to be made of what kubeconform says. */
interface Judgement {
  readonly faults: readonly string[];
  readonly valid: number;
  /** Resources of kinds that have no schema, and may be right. */
  readonly unchecked: readonly string[];
}

/**
 * Sorts out what kubeconform says.
 *
 * @param groups the API groups whose kinds have schemas
 */
export function judge(resources: readonly Resource[], groups: readonly string[]): Judgement {
  const filled = new Set(resources.filter(({ status }) => status !== EMPTY).map(({ filename }) => filename));
  // An empty document beside others is nothing; a file of nothing else is a mistake.
  const relevant = resources.filter(({ status, filename }) => status !== EMPTY || !filled.has(filename));
  const valid = relevant.filter(({ status }) => status === "statusValid");
  const unchecked = relevant.filter((one) => one.status === UNKNOWN && isOfAnother(one, groups));
  const faults = relevant.filter((one) => ![...valid, ...unchecked].includes(one));
  return {
    faults: faults.map(describe).sort(),
    valid: valid.length,
    unchecked: unchecked.map(({ kind, filename }) => `${kind} (${placeOf(filename)})`).sort(),
  };
}

/** Whether a resource is of a project that has no schemas here; only Kubernetes' own groups have no dot. */
function isOfAnother({ version }: Resource, groups: readonly string[]): boolean {
  const [group = ""] = version.split("/");
  return group.includes(".") && !groups.includes(group);
}

/** What kubeconform calls a document without a resource. */
const EMPTY = "";
/** What it calls a resource for whose kind it finds no schema. */
const UNKNOWN = "statusSkipped";

/** One resource, as kubeconform tells of it. */
export interface Resource {
  readonly filename: string;
  readonly kind: string;
  readonly name: string;
  /** `apps/v1` */
  readonly version: string;
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

const placeOf = (filename: string) => filename.replace(/^rendered\/(.*)\.yaml$/, "the chart as rendered for $1");

function describe({ filename, kind, name, version, status, msg }: Resource): string {
  const resource = [kind, name].filter(Boolean).join(" ");
  const said: Record<string, string> = {
    [EMPTY]: "holds no resource",
    [UNKNOWN]: `there is no schema of ${version} ${kind}. Next: correct kind or version; if they are right, add it to scripts/schemas.ts`,
  };
  return [placeOf(filename), resource, said[status] ?? msg].filter(Boolean).join(": ");
}

/**
 * Reads each environment's release file, compares it with what the pipeline works with, looks at the repository that Flux follows,
 * and compares the kustomization with the files beside it.
 *
 * @throws Error with every fault: file, line, column
 */
export async function checkReleases(source: Directory): Promise<string> {
  const releases = together(environmentsWithFiles.map((entry) => checkRelease(source, entry)));
  const kustomizations = together(environmentsWithFiles.map((entry) => checkKustomization(source, folderOf(entry))));
  const sources = together(environmentsWithFiles.map((entry) => checkSource(source, folderOf(entry))));
  await together<unknown>([releases, sources, kustomizations]);
  return (await releases).join(", ");
}

async function checkRelease(source: Directory, entry: EnvironmentEntry): Promise<string> {
  const file = entry.releaseFile;
  const release = await releaseOf(source, entry);
  const { tag, targetNamespace, chart, upgradesUnawaited, values } = release;
  const faults = [...namesOf(release, entry), ...unknownInputs(release, entry)];
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

/** The pipeline looks for the release and for what it installs by the names in environments.ts. */
function namesOf(release: HelmRelease, { releaseFile: file, namespace, helmRelease }: EnvironmentEntry): string[] {
  const { name, releaseName } = release;
  const faults: string[] = [];
  if (name !== helmRelease || release.namespace !== namespace)
    faults.push(
      `${file}: is the HelmRelease ${release.namespace}/${name}; the pipeline looks for ${namespace}/${helmRelease} (pipeline/src/environments.ts).`,
    );
  if (releaseName !== helmRelease)
    faults.push(`${file}: spec.releaseName is ${releaseName}; the pipeline looks for ${helmRelease}.`);
  for (const field of ["fullnameOverride", "nameOverride"]) {
    const given = release.values?.[field];
    if (given && given !== helmRelease)
      faults.push(
        `${file}: spec.values.${field} is ${given}: the Deployment would not be called ${helmRelease}, as the pipeline expects. Remove it.`,
      );
  }
  return faults;
}

/** What is tested is rendered from the chart and spec.values. */
const unknownInputs = (release: HelmRelease, { releaseFile: file }: EnvironmentEntry): string[] =>
  release.unknownInputs.map(
    (path) =>
      `${file}: has ${path}, which Flux would use and the pipeline does not: what is tested would not be what runs. Write it into spec.values or the chart.`,
  );

/** Flux could follow by ssh, too; the pipeline itself clones and pushes by https. */
async function checkSource(source: Directory, folder: string): Promise<void> {
  const file = `${folder}/gitrepository.yaml`;
  const { documents, placeAt } = readDocuments(await source.file(file).contents(), file);
  const url = documents.find((document) => document.get("kind") === "GitRepository")?.getIn(["spec", "url"], true);
  if (!isScalar(url) || /^https:\/\/[^/@]+\/./.test(`${url.value}`)) return;
  const shown = `${url.value}`.replace(/\/\/[^/]*@/, "//");
  // Without the line itself, which may hold a password.
  throw new Error(
    `${placeAt(url.range?.[0])}: spec.url is ${shown}: the pipeline clones and pushes by https alone, and takes no log-in from there. ` +
      "Write https://github.com/owner/name; what Flux logs in with is in the Secret that spec.secretRef names.",
  );
}

async function checkKustomization(source: Directory, folder: string): Promise<void> {
  const file = `${folder}/kustomization.yaml`;
  const files = (await source.glob(`${folder}/**/*`))
    .filter((path) => /\.ya?ml$/.test(path))
    .map((path) => path.slice(folder.length + 1));
  if (!files.includes("kustomization.yaml"))
    throw new Error(`${file} is missing: write one that lists the files to apply.`);
  const { documents } = readDocuments(await source.file(file).contents(), file);
  if (documents.length > 1)
    throw new Error(`${file}: there are ${documents.length} documents in this file, and a kustomization is one.`);
  const { resources, patches, hasComponents } = contentOf(documents[0] ?? new Document());
  if (!resources) throw new Error(`${file}: resources is no list of files.`);
  const listed = [...resources, ...patches];
  const faults = [
    ...files
      .filter((name) => name !== "kustomization.yaml" && !listed.includes(name))
      .map((name) => `${file} does not list ${name}: Flux would not apply it.`),
    ...listed
      .filter((name) => !files.includes(name))
      .map((name) => `${file} lists ${name}, which is ${whyRefused(name, folder, files)}.`),
    ...(hasComponents
      ? [`${file} has components, which are not supported here: list their files as resources, or as patches.`]
      : []),
  ];
  if (faults.length > 0) throw new Error(faults.join("\n"));
}

/** What is wrong with a name that a kustomization lists. */
function whyRefused(name: string, folder: string, files: readonly string[]): string {
  if (/^\.\.\/|:\/\//.test(name))
    return `not supported here: it lies outside of ${folder}. Copy what it has into that folder`;
  const isFolder = files.some((path) => path.startsWith(`${name.replace(/\/$/, "")}/`));
  return isFolder ? "a folder: list its files" : "not there";
}

/** Reads a file's documents; `placeAt` tells where in it an offset is. */
function readDocuments(text: string, file: string): { documents: Document[]; placeAt(offset?: number): string } {
  const read = { file, text, lines: new LineCounter() };
  const options = { lineCounter: read.lines, keepSourceTokens: true, prettyErrors: false };
  const documents = [...parseAllDocuments(text, options)];
  const [broken] = documents.flatMap((document) => faultOf(document) ?? []);
  if (broken) throw new Error(messageAt(read, broken));
  return { documents, placeAt: (offset = 0) => placeIn(read, offset) };
}

/** The files that a kustomization names; no `resources` where those are no list of files. */
function contentOf(document: Document): { resources?: string[]; patches: string[]; hasComponents: boolean } {
  const { resources, patches, components } = (document.toJS() ?? {}) as Record<string, unknown>;
  const isText = (name: unknown): name is string => typeof name === "string";
  const plain = (names: string[]) => names.map((name) => name.replace(/^\.\//, ""));
  const paths = Array.isArray(patches) ? patches.map((patch: { path?: unknown } | null) => patch?.path) : [];
  return {
    ...(Array.isArray(resources) && resources.every(isText) && { resources: plain(resources) }),
    patches: plain(paths.filter(isText)),
    hasComponents: Array.isArray(components) && components.length > 0,
  };
}
