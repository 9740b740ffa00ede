import type { Directory } from "@dagger.io/dagger";
import { startCluster, type ThrowawayCluster } from "./cluster.js";
import { repositoryOf, trunkOf } from "./delivery.js";
import { prepareNamespace } from "./deployment.js";
import { type EnvironmentEntry, folderOf } from "./environments.js";
import { type FirstFolder, fluxImages, followBranch, giveCredentials, installFlux, waitForFlux } from "./flux.js";
import type { GitRepository } from "./fluxObjects.js";
import { hostOf } from "./git.js";
import { type RepositoryPlace, startGitServer, type ThrowawayGitServer } from "./gitServer.js";
import type { AppRegistry } from "./registry.js";
import type { Log } from "./steps.js";
import { objectsIn, readYaml } from "./yamlFile.js";

/** What Terraform installs on EKS, for a throwaway cluster. */
export const LOCAL = "clusters/local";

/** What a platform may have besides, each in a folder of its own. */
const ADDONS = `${LOCAL}/addons`;

/** The kinds of External Secrets, which Terraform installs on EKS. */
const SECRET_KINDS = `${ADDONS}/external-secrets/external-secrets-crds.yaml`;

async function textsOf(source: Directory, pattern: string): Promise<string[]> {
  const paths = await source.glob(pattern);
  return await Promise.all(paths.map((path) => source.file(path).contents()));
}

/** The images of folders of clusters/, so that they lie on the node from the start. */
async function imagesOf(source: Directory, folders: readonly string[]): Promise<string[]> {
  const files = (await Promise.all(folders.map((folder) => textsOf(source, `${folder}/*.yaml`)))).flat();
  return [...new Set(files.flatMap((text) => [...text.matchAll(/^ +image: (\S+)$/gm)].map(([, image = ""]) => image)))];
}

/** A throwaway cluster with Flux, which follows a throwaway git server. */
export interface ThrowawayPlatform extends ThrowawayCluster {
  readonly git: ThrowawayGitServer;
}

/** What a throwaway platform is made of. */
export interface PlatformOptions {
  readonly source: Directory;
  /** Whose folder of clusters/ Flux follows. */
  readonly environment: EnvironmentEntry;
  readonly registry?: AppRegistry;
  /** A name under which what the node has outlives it; see `ClusterOptions`. */
  readonly state?: string;
  /** Folders of clusters/local/addons that it shall have too. */
  readonly addons?: readonly string[];
  /** Another way to start the git server. */
  readonly startGit?: typeof startGitServer;
  /** The most that the node, and then Flux, may take until it is ready, in seconds. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

/** Starts a node with the images of a platform on it; with the state of one before, it is that platform again. */
export async function startPlatformNode(options: Omit<PlatformOptions, "environment">): Promise<ThrowawayCluster> {
  const { source, registry, addons = [], state, timeoutSeconds, log } = options;
  const installed = await imagesOf(
    source,
    firstFolders(addons).map(({ path }) => path),
  );
  return await startCluster({ registry, images: [...fluxImages, ...installed], state, timeoutSeconds, log });
}

/**
 * Starts a node, a git server with the working tree in place of the one on the internet, and Flux, which installs from it
 * what an environment's folder says, by the same files as on EKS. Returns when Flux is ready.
 */
export async function startPlatform(options: PlatformOptions): Promise<ThrowawayPlatform> {
  const { source, environment, startGit = startGitServer } = options;
  const opened = await Promise.allSettled([
    startPlatformNode(options),
    gitOf(source, environment).then((at) => startGit(source, at)),
  ] as const);
  const [cluster, git] = opened;
  if (cluster.status === "rejected" || git.status === "rejected") {
    for (const one of opened) if (one.status === "fulfilled") await one.value.stop();
    throw opened.find((one) => one.status === "rejected")?.reason;
  }
  const platform = {
    ...cluster.value,
    git: git.value,
    stop: async () => void (await Promise.all([cluster.value.stop(), git.value.stop()])),
  };
  try {
    await openFlux(platform, options);
    return platform;
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

/** Where an environment's branch lies, and the one on which versions are committed. */
async function gitOf(source: Directory, environment: EnvironmentEntry): Promise<RepositoryPlace> {
  const [followed, trunk] = await Promise.all([repositoryOf(source, environment), trunkOf(source)]);
  return { ...followed, others: [trunk.branch] };
}

/** What Flux applies before the environment's folder. */
const firstFolders = (addons: readonly string[]): FirstFolder[] => [
  { name: "platform", path: LOCAL },
  ...addons.map((name) => ({ name, path: `${ADDONS}/${name}` })),
];

async function openFlux(platform: ThrowawayPlatform, options: PlatformOptions): Promise<void> {
  const { source, environment, registry, addons = [], timeoutSeconds, log } = options;
  const { api, git } = platform;
  const { remote, address } = git;
  const standIn = { host: hostOf(remote.url), address, authority: remote.authority };
  await Promise.all([
    installFlux(api, standIn),
    // The secret to pull with is there before the first pod, and the one of the chart's source before Flux looks.
    prepareNamespace({ source, environment, target: platform }, registry).then(() => openSource(platform, options)),
    knowSecretKinds(platform, options),
  ]);
  await followBranch(api, remote, folderOf(environment), firstFolders(addons));
  log(`Flux is installed and follows ${folderOf(environment)} of ${remote.url}, which is a git server of this run`);
  await waitForFlux(api, log, timeoutSeconds);
}

/** A private repository's source names a Secret that is in no git: here it opens the run's git server, which refuses all other log-ins. */
async function openSource({ api, git }: ThrowawayPlatform, { source, environment }: PlatformOptions): Promise<void> {
  const file = `${folderOf(environment)}/gitrepository.yaml`;
  const name = ((await readYaml(source, file, "GitRepository")) as GitRepository).spec?.secretRef?.name;
  if (name) await giveCredentials(api, git.remote, { namespace: environment.namespace, name });
}

/** Flux refuses a folder with a kind that nobody knows. The kinds alone need no image, and the store that fetches is AWS's. */
async function knowSecretKinds({ api }: ThrowawayPlatform, options: PlatformOptions): Promise<void> {
  const { source, environment, log } = options;
  const texts = await textsOf(source, `${folderOf(environment)}/**/*.y*ml`);
  if (!texts.some((text) => /apiVersion["']?: *["']?external-secrets\.io\//.test(text))) return;
  const kinds = objectsIn(await source.file(SECRET_KINDS).contents());
  await Promise.all(kinds.map((kind) => api.applyObject(kind)));
  log("External Secrets is on the node by its kinds alone: nobody fetches what an ExternalSecret names");
}
