import { type Container, type Directory, dag, type File } from "@dagger.io/dagger";
import { CHART, type EnvironmentEntry, environmentsWithFiles } from "./environments.js";
import { exec, type Outcome } from "./exec.js";
import { images } from "./images.js";
import { releaseOf } from "./releaseFile.js";
import { together } from "./together.js";

/** For which Kubernetes the chart is rendered: the node's version. */
const KUBERNETES = ["--kube-version", images.node.split(":")[1] ?? ""];

/** Helm with the chart at /chart. */
export function helmContainer(source: Directory): Container {
  return dag
    .container()
    .from(images.helm)
    .withEnvVariable("HELM_CACHE_HOME", "/tmp/helm/cache")
    .withEnvVariable("HELM_CONFIG_HOME", "/tmp/helm/config")
    .withEnvVariable("HELM_DATA_HOME", "/tmp/helm/data")
    .withMountedDirectory("/chart", source.directory(CHART))
    .withWorkdir("/");
}

/**
 * An environment's values as Helm gets them: the release file's, with another tag or more values over them. As JSON, which
 * Helm reads as YAML: plain YAML would turn texts like "on", "y" or "0755" into booleans and numbers on their way.
 *
 * @throws ReleaseFileError (file, line, column)
 */
export async function valuesOf(
  source: Directory,
  environment: EnvironmentEntry,
  tag?: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const { values } = await releaseOf(source, environment);
  const image = { ...(values.image as object | undefined), ...(tag && { tag }) };
  return JSON.stringify({ ...values, image, ...more });
}

/**
 * Lints the chart strictly: with its own values, with each file of appManifests/ci, and with each environment's values.
 *
 * @returns a line that says with what
 * @throws Error with every failure: which values, and Helm's words
 */
export async function lintChart(source: Directory): Promise<string> {
  const base = helmContainer(source);
  const paths = await variantsOf(source);
  const sets = await together(
    [
      lint(base, `${CHART}/values.yaml`),
      ...paths.map((path) => lint(base, path, mounted(path))),
      ...environmentsWithFiles.map(async (entry) =>
        lint(
          base.withNewFile("/values.yaml", await valuesOf(source, entry)),
          `the values of ${entry.releaseFile}`,
          "/values.yaml",
        ),
      ),
    ],
    "correct the values, the template or values.schema.json, then: dagger call lint-chart",
  );
  return `with ${sets.length} sets of values`;
}

/** Rendering comes second: `helm lint` passes over a template's own `fail`, with which the chart refuses values. */
async function lint(container: Container, name: string, file?: string): Promise<void> {
  for (const command of [["lint", "--strict"], TEMPLATE]) await helmWith(container, command, name, file);
}

/** The same call for linting and for validating, so that the engine makes it once. */
const TEMPLATE = ["template", "lint"];

/**
 * Runs Helm on the chart with a file of values.
 *
 * @returns what it has printed
 * @throws Error with the values' name and Helm's words
 */
async function helmWith(container: Container, command: string[], name: string, file?: string): Promise<string> {
  const values = file ? ["--values", file] : [];
  const outcome = await exec(container, ["helm", ...command, "/chart", ...values, ...KUBERNETES]);
  if (outcome.code !== 0) throw new Error(`helm ${command[0]} with ${name}:\n${complaints(outcome)}`);
  return outcome.stdout;
}

/** The files of values for each way to use the chart. */
const variantsOf = (source: Directory) => source.glob(`${CHART}/ci/*-values.yaml`);

/** Where a file of the chart is in Helm's container. */
const mounted = (path: string) => path.replace(CHART, "/chart");

/**
 * The chart in each way to use it.
 *
 * @returns a manifest for each file of appManifests/ci, under the file's path in the chart
 * @throws Error with every failure: which values, and Helm's words
 */
export async function renderVariants(source: Directory): Promise<Directory> {
  const base = helmContainer(source);
  const paths = await variantsOf(source);
  const manifests = await together(paths.map((path) => helmWith(base, TEMPLATE, path, mounted(path))));
  return paths.reduce(
    (folder, path, index) => folder.withNewFile(path.slice(CHART.length + 1), manifests[index] ?? ""),
    dag.directory(),
  );
}

/**
 * The manifests exactly as Flux would apply them.
 *
 * @returns a file `<environment>.yaml`
 * @throws Error with Helm's words when the chart doesn't render with the environment's values
 */
export async function renderChart(source: Directory, environment: EnvironmentEntry, tag?: string): Promise<File> {
  const rendered = await exec(
    helmContainer(source).withNewFile("/values.yaml", await valuesOf(source, environment, tag)),
    [
      ...["helm", "template", environment.helmRelease, "/chart", "--namespace", environment.namespace],
      ...["--values", "/values.yaml", ...KUBERNETES],
    ],
  );
  if (rendered.code !== 0) {
    throw new Error(
      `The chart does not render with the values of ${environment.releaseFile}:\n${complaints(rendered)}\n` +
        `Next: helm template ${CHART} with these values, or: dagger call lint-chart`,
    );
  }
  return dag.directory().withNewFile(`${environment.name}.yaml`, rendered.stdout).file(`${environment.name}.yaml`);
}

/** Helm's output without its progress and hints. */
function complaints({ stdout, stderr }: Outcome): string {
  const noise = /^\s*$|^==> |^\[INFO\]|^level=INFO|chart\(s\) linted|^Use --debug flag/;
  const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => !noise.test(line));
  return [...new Set(lines)].map((line) => `  ${line.trimEnd()}`).join("\n");
}
