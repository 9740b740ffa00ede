/** The names of the environments, in the order in which a version reaches them. */
export type EnvironmentName = "local" | "dev" | "prod";

/** Where an environment lives: everything that differs from one to the next. */
export interface EnvironmentEntry {
  readonly name: EnvironmentName;
  /** The AWS region that it is in. */
  readonly region: string;
  /** The cluster's name in AWS and in a kubeconfig (`aws eks update-kubeconfig --name …`). */
  readonly cluster: string;
  /** The Kubernetes namespace of the application. */
  readonly namespace: string;
  /** The Flux HelmRelease that says which version runs, relative to the repository's root. */
  readonly releaseFile: string;
  /** The name of the Helm release, and so of the Deployment and the Service. */
  readonly helmRelease: string;
}

/** The AWS region of the platform. */
export const REGION = "eu-west-1";

function entry(name: EnvironmentName, filesOf: "dev" | "prod"): EnvironmentEntry {
  return {
    name,
    region: REGION,
    cluster: `${name}-helloworld`,
    namespace: "helloworld",
    releaseFile: `clusters/${filesOf}/release.yaml`,
    helmRelease: "helloworld",
  };
}

/** The one table of environments. `local` is a throwaway cluster that runs what dev runs, so it reads dev's release file. */
export const environments: readonly EnvironmentEntry[] = [
  entry("local", "dev"),
  entry("dev", "dev"),
  entry("prod", "prod"),
];

/**
 * Looks an environment up.
 *
 * @throws Error listing the known names when there is none called `name`
 */
export function environment(name: string): EnvironmentEntry {
  const found = environments.find((candidate) => candidate.name === name);
  if (found) return found;
  const known = environments.map((candidate) => candidate.name);
  const meant = known.find((candidate) => candidate === name.trim().toLowerCase());
  throw new Error(
    `There is no environment ${JSON.stringify(name)}. Known: ${known.join(", ")}.${meant ? ` Did you mean ${meant}?` : ""}`,
  );
}

/**
 * Looks up an environment that has infrastructure of its own in AWS.
 *
 * @throws Error when it is unknown, or `local`
 */
export function infrastructureOf(name: string): EnvironmentEntry {
  const found = environment(name);
  if (found.name !== "local") return found;
  throw new Error(
    "local has no infrastructure: use dev or prod. Without an AWS account there is: dagger call test-infra",
  );
}

/**
 * Looks up an environment that has a release file of its own.
 *
 * @throws Error when it is unknown, or `local`
 */
export function withReleaseFile(name: string): EnvironmentEntry {
  const found = environment(name);
  if (found.name !== "local") return found;
  throw new Error(`local has no release file of its own: it runs what ${found.releaseFile} says. Use dev or prod.`);
}

/**
 * Looks up an environment that gets tags by promotion: prod; and `local`, a throwaway cluster that runs what prod runs.
 *
 * @throws Error when it is unknown, or dev
 */
export function promotionTarget(name: string): EnvironmentEntry {
  const found = environment(name);
  if (found.name === "dev")
    throw new Error(
      "dev gets a tag by `dagger call ci --env dev --tag …`; promote is for prod, and for local to try it.",
    );
  return found.name === "local" ? { ...environment("prod"), name: "local", cluster: found.cluster } : found;
}

/** Where the chart lies in the repository. */
export const CHART = "appManifests";

/** The environments that have files of their own in clusters/. */
export const environmentsWithFiles = environments.filter(({ name }) => name !== "local");

/** The folder of an environment's Flux objects. */
export const folderOf = ({ releaseFile }: EnvironmentEntry) => releaseFile.replace(/\/[^/]+$/, "");
