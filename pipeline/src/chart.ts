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
  const environments = environmentSets(source);
  const { sets, failures } = await tryChart(source, environments);
  const next = "correct the values, the template or values.schema.json, then: dagger call lint-chart";
  await together<unknown>([...environments, ...failures.map(rejected)], next);
  return `with ${sets.length} sets of values`;
}

/**
 * The chart in each way to use it.
 *
 * @returns a manifest for each file of appManifests/ci, under the file's path in the chart
 * @throws Error with every failure: which values, and Helm's words
 */
export async function renderVariants(source: Directory): Promise<Directory> {
  const { failures, rendered } = await tryChart(source, environmentSets(source));
  await together(failures.filter(({ set }) => set.values === undefined).map(rejected));
  return rendered.directory("chart");
}

/** Values to try the chart with. */
interface ValueSet {
  /** As errors call it. */
  readonly name: string;
  /** Where Helm's container has it. */
  readonly file: string;
  /** What the file holds; none for a file of the chart's. */
  readonly values?: string;
  /** Where the release would be. */
  readonly namespace: string;
}

interface Failure {
  readonly set: ValueSet;
  /** Which values, and Helm's words. */
  readonly text: string;
}

/**
 * Lints and renders the chart with each set of values (its file, then its namespace), one after the other in one container: to
 * start one takes longer than Helm does. Rendering comes second: `helm lint` passes over a template's own `fail`, with which
 * the chart refuses values.
 */
const TRY_ALL = `mkdir -p /rendered/chart
failed=0
while [ $# -gt 0 ]; do
  values=$1
  namespace=$2
  shift 2
  for command in "lint --strict" "template lint"; do
    helm $command /chart --namespace "$namespace" --values "$values" $KUBERNETES >/tmp/stdout 2>/tmp/stderr && continue
    printf '\\036%s\\037%s\\n' "$values" "\${command%% *}"
    cat /tmp/stderr /tmp/stdout
    failed=1
    continue 2
  done
  mkdir -p "/rendered\${values%/*}"
  mv /tmp/stdout "/rendered$values"
done
exit $failed`;

/** The same call for linting and for validating, so that the engine makes it once. A release file that can't be read is left out. */
async function tryChart(
  source: Directory,
  environments: Promise<ValueSet>[],
): Promise<{ sets: ValueSet[]; failures: Failure[]; rendered: Directory }> {
  const read = await Promise.allSettled(environments);
  const sets: ValueSet[] = [
    { name: `${CHART}/values.yaml`, file: "/values/none.yaml", values: "{}", namespace: "default" },
    ...(await source.glob(`${CHART}/ci/*-values.yaml`)).map((path) => ({
      name: path,
      file: path.replace(CHART, "/chart"),
      namespace: "default",
    })),
    ...read.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])),
  ];
  const container = sets.reduce(
    (base, { file, values }) => (values ? base.withNewFile(file, values) : base),
    helmContainer(source).withEnvVariable("KUBERNETES", KUBERNETES.join(" ")),
  );
  const args = sets.flatMap(({ file, namespace }) => [file, namespace]);
  const outcome = await exec(container, ["sh", "-c", TRY_ALL, "sh", ...args]);
  const failures = failuresIn(outcome.stdout, sets);
  if (outcome.code !== 0 && failures.length === 0)
    throw new Error(`helm can't be run:\n${complaints(linesOf(outcome))}`);
  return { sets, failures, rendered: outcome.container.directory("/rendered") };
}

/** The environments' values. */
const environmentSets = (source: Directory): Promise<ValueSet>[] =>
  environmentsWithFiles.map(async (entry) => ({
    name: `the values of ${entry.releaseFile}`,
    file: `/values/${entry.name}.yaml`,
    values: await valuesOf(source, entry),
    namespace: entry.namespace,
  }));

/** What TRY_ALL has printed of each set that failed: the file and the command, and below them Helm's words. */
function failuresIn(stdout: string, sets: readonly ValueSet[]): Failure[] {
  const parts = stdout.split("\x1e").map((part) => part.split("\x1f"));
  return sets.flatMap((set) => {
    const said = parts.find(([file]) => file === set.file)?.[1];
    if (said === undefined) return [];
    const [command = "", ...words] = said.split("\n");
    return [{ set, text: `helm ${command} with ${set.name}:\n${complaints(words)}` }];
  });
}

const rejected = ({ text }: Failure) => Promise.reject(new Error(text));

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
      `The chart does not render with the values of ${environment.releaseFile}:\n${complaints(linesOf(rendered))}\n` +
        `Next: helm template ${CHART} with these values, or: dagger call lint-chart`,
    );
  }
  return dag.directory().withNewFile(`${environment.name}.yaml`, rendered.stdout).file(`${environment.name}.yaml`);
}

const linesOf = ({ stdout, stderr }: Outcome) => `${stdout}\n${stderr}`.split("\n");

/** Helm's output without its progress and hints. */
function complaints(said: readonly string[]): string {
  const noise = /^\s*$|^==> |^\[INFO\]|^level=INFO|chart\(s\) linted|^Use --debug flag/;
  const lines = said.filter((line) => !noise.test(line));
  return [...new Set(lines)].map((line) => `  ${line.trimEnd()}`).join("\n");
}
