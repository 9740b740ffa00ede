import { type Container, type Directory, dag, type File, ReturnType } from "@dagger.io/dagger";
import { stringify } from "yaml";
import { type EnvironmentEntry, environments } from "./environments.js";
import { images } from "./images.js";
import { readRelease } from "./release.js";

/** Where the chart lies in the repository. */
export const CHART = "appManifests";

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
 * An environment's values as Helm gets them: the release file's, with another tag or more values over them.
 *
 * @throws ReleaseFileError (file, line, column)
 */
export async function valuesOf(
  source: Directory,
  environment: EnvironmentEntry,
  tag?: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const file = environment.releaseFile;
  const { values } = readRelease(await source.file(file).contents(), file);
  const image = { ...(values.image as object | undefined), ...(tag && { tag }) };
  return stringify({ ...values, image, ...more });
}

/**
 * Lints the chart strictly: with its own values, with each file of appManifests/ci, and with each environment's values.
 *
 * @returns a line that says with what
 * @throws Error with every failure: which values, and Helm's words
 */
export async function lintChart(source: Directory): Promise<string> {
  const base = helmContainer(source);
  const variants: { name: string; container: Container; args: string[] }[] = [
    { name: `${CHART}/values.yaml`, container: base, args: [] },
  ];
  for (const path of await source.glob(`${CHART}/ci/*.yaml`)) {
    variants.push({ name: path, container: base, args: ["--values", path.replace(CHART, "/chart")] });
  }
  for (const entry of environments.filter(({ name }) => name !== "local")) {
    const container = base.withNewFile("/values.yaml", await valuesOf(source, entry));
    variants.push({ name: `values of ${entry.releaseFile}`, container, args: ["--values", "/values.yaml"] });
  }
  const failures = await Promise.all(
    variants.map(async ({ name, container, args }) => {
      const { code, output } = await run(container, ["helm", "lint", "--strict", "/chart", ...args]);
      return code === 0 ? [] : [`helm lint with ${name}:\n${complaints(output)}`];
    }),
  );
  if (failures.flat().length === 0) return `with ${variants.length} sets of values`;
  throw new Error(failures.flat().join("\n"));
}

/**
 * The manifests exactly as Flux would apply them.
 *
 * @returns a file `<environment>.yaml`
 * @throws Error with Helm's words when the chart doesn't render with the environment's values
 */
export async function renderChart(source: Directory, environment: EnvironmentEntry, tag?: string): Promise<File> {
  const kubernetes = images.node.split(":")[1] ?? "";
  const rendered = await run(
    helmContainer(source).withNewFile("/values.yaml", await valuesOf(source, environment, tag)),
    [
      ...["helm", "template", environment.helmRelease, "/chart", "--namespace", environment.namespace],
      ...["--values", "/values.yaml", "--kube-version", kubernetes],
    ],
  );
  if (rendered.code !== 0) {
    throw new Error(
      `The chart does not render with the values of ${environment.releaseFile}:\n${complaints(rendered.output)}\n` +
        `Next: helm template ${CHART} with these values, or: dagger call lint-chart`,
    );
  }
  return dag.directory().withNewFile(`${environment.name}.yaml`, rendered.stdout).file(`${environment.name}.yaml`);
}

async function run(container: Container, args: string[]) {
  const done = container.withExec(args, { expect: ReturnType.Any });
  const [code, stdout, stderr] = await Promise.all([done.exitCode(), done.stdout(), done.stderr()]);
  return { code, stdout, output: `${stdout}\n${stderr}` };
}

/** Helm's output without its progress and hints. */
function complaints(output: string): string {
  const noise = /^\s*$|^==> |INFO|icon is recommended|chart\(s\) linted|Use --debug flag/;
  const lines = output.split("\n").filter((line) => !noise.test(line));
  return [...new Set(lines)].map((line) => `  ${line.trimEnd()}`).join("\n");
}
