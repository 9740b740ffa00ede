import { dag } from "@dagger.io/dagger";
import type { V1Container, V1Deployment } from "@kubernetes/client-node";
import { ClusterError } from "./clusterErrors.js";
import { type EnvironmentEntry, environmentsWithFiles, folderOf } from "./environments.js";
import { branchReference, type HelmRelease, hasCommit, helmReleaseOf, type Kustomization } from "./fluxObjects.js";
import type { GitRemote } from "./git.js";
import { images } from "./images.js";
import type { Cluster, ClusterObject, ObjectReference } from "./kubernetes.js";
import { waitForRollout } from "./rollout.js";
import { type Clock, type Log, realClock } from "./steps.js";
import { objectsIn } from "./yamlFile.js";

/** The images of Flux's controllers, for `startCluster`. */
export const fluxImages = [
  images.sourceController,
  images.kustomizeController,
  images.helmController,
  images.notificationController,
];

export const FLUX_NAMESPACE = "flux-system";
/** How `flux bootstrap` calls the source and the Kustomization that Flux follows itself. */
const SYNC = "flux-system";
const CONTROLLERS = ["source-controller", "kustomize-controller", "helm-controller", "notification-controller"];
const AUTHORITY = "git-authority";
/** The most that the controllers may take until they are ready, in seconds; they take about ten. */
const READY_TIMEOUT_SECONDS = 120;
/** For how long the chart waits for the release's values before it is asked for anyway, in seconds. */
const APPLY_TIMEOUT_SECONDS = 20;
/** The most that the API server may take to serve a kind after its definition, in seconds. */
const KIND_TIMEOUT_SECONDS = 30;

/** A git server that stands for a host on the internet, as the pods shall see it. */
export interface GitStandIn {
  readonly host: string;
  readonly address: string;
  /** Its certificate, PEM. */
  readonly authority: string;
}

/**
 * Installs Flux in a cluster, and returns when the API server has all of it: the controllers start meanwhile.
 *
 * @param standIn a git server to which the name of a host on the internet leads, for a cluster that lives as long as a run
 */
export async function installFlux(api: Cluster, standIn?: GitStandIn): Promise<void> {
  const [definitions, objects] = await Promise.all([manifests("flux-crds"), manifests("flux")]);
  const isNamespace = ({ kind }: ClusterObject) => kind === "Namespace";
  const applyAll = (all: ClusterObject[]) => Promise.all(all.map((object) => api.applyObject(object)));
  const rest = async () => {
    await applyAll(objects.filter(isNamespace));
    if (standIn) await api.applyObject(authorityOf(standIn));
    await applyAll(objects.filter((object) => !isNamespace(object)).map((object) => forThisRun(object, standIn)));
  };
  await Promise.all([applyAll(definitions), rest()]);
}

/** Waits until Flux's controllers serve; ends early with the cause when one can't. */
export async function waitForFlux(api: Cluster, log: Log, timeoutSeconds = READY_TIMEOUT_SECONDS): Promise<void> {
  // On a throwaway node nothing is scheduled until all images are there.
  const patience = { scheduledWithinSeconds: timeoutSeconds };
  const options = { namespace: FLUX_NAMESPACE, timeoutSeconds, patience, log };
  await Promise.all(CONTROLLERS.map((deployment) => waitForRollout(api, { ...options, deployment })));
}

/**
 * A folder that Flux applies before the one that it follows, after those that stand before it, and looks at by itself: no commit
 * waits for it again.
 */
export interface FirstFolder {
  /** The name of its source and of its Kustomization. */
  readonly name: string;
  readonly path: string;
}

/** Makes Flux follow a folder of a branch, by the same objects as `flux bootstrap` makes; and other folders before it. */
export async function followBranch(
  api: Cluster,
  remote: GitRemote,
  path: string,
  first: readonly FirstFolder[] = [],
): Promise<void> {
  await giveCredentials(api, remote, { namespace: FLUX_NAMESPACE, name: SYNC });
  await Promise.all([
    applyWhenKnown(api, gitRepository(SYNC, "1m0s", remote)),
    applyWhenKnown(api, kustomization(SYNC, path, first)),
    ...first.flatMap((folder, index) => [
      applyWhenKnown(api, gitRepository(folder.name, "10m0s", remote)),
      applyWhenKnown(api, kustomization(folder.name, folder.path, first.slice(0, index))),
    ]),
  ]);
}

/** Makes the Secret by which a GitRepository logs in. */
export async function giveCredentials(
  api: Cluster,
  { username, password }: GitRemote,
  metadata: { readonly namespace: string; readonly name: string },
): Promise<void> {
  const stringData = { username, password: (await password.plaintext()).trim() };
  await api.applyObject({ apiVersion: "v1", kind: "Secret", metadata, stringData } as ClusterObject);
}

const gitRepository = (name: string, interval: string, { url, branch }: GitRemote): ClusterObject => ({
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name, namespace: FLUX_NAMESPACE },
  spec: { interval, url, ref: branchReference(branch), secretRef: { name: SYNC } },
});

/** Ready when the folder is applied and its kinds are known; what it starts may still be starting then. */
const kustomization = (name: string, path: string, first: readonly FirstFolder[] = []): ClusterObject => ({
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name, namespace: FLUX_NAMESPACE },
  spec: {
    interval: "10m0s",
    path: `./${path}`,
    prune: true,
    sourceRef: { kind: "GitRepository", name },
    ...(first.length > 0 && { dependsOn: first.map((folder) => ({ name: folder.name })) }),
  },
});

/** The source that Flux itself follows. */
export const syncSource: ObjectReference = {
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  namespace: FLUX_NAMESPACE,
  name: SYNC,
};

/** What applies it. */
export const syncKustomization: ObjectReference = {
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  namespace: FLUX_NAMESPACE,
  name: SYNC,
};

/**
 * Sees that a cluster is not another environment's, by the folder that Flux follows there: what a kubeconfig leads to its name does
 * not tell. Where there is no Flux, or the caller may not look, that can't be seen.
 *
 * @throws Error that says whose cluster it is
 */
export async function refuseOthersCluster(api: Cluster, environment: EnvironmentEntry): Promise<void> {
  const followed = await followedFolder(api);
  const other = environmentsWithFiles.find((entry) => folderOf(entry) === followed);
  if (!other || followed === folderOf(environment)) return;
  throw new Error(
    `The kubeconfig leads to the cluster of ${other.name}: Flux follows ${followed} there, and ${environment.name} is ${folderOf(environment)}. ` +
      "Give the kubeconfig of the right cluster, or choose its context. Nothing was changed.",
  );
}

async function followedFolder(api: Cluster): Promise<string | undefined> {
  try {
    const found = (await api.findObject(syncKustomization)) as Kustomization | undefined;
    return found?.spec?.path?.replace(/^\.?\/+|\/+$/g, "");
  } catch (error) {
    if (error instanceof ClusterError && error.problem === "forbidden") return undefined;
    throw error;
  }
}

/** Asks Flux to look at an object now and not when its interval ends, as `flux reconcile` does; one that isn't there yet needs none. */
export async function reconcile(api: Cluster, reference: ObjectReference): Promise<void> {
  const annotations = { "reconcile.fluxcd.io/requestedAt": new Date().toISOString() };
  await api.patchObject(reference, { metadata: { annotations } }).catch((error: unknown) => {
    if (!isUnknown(error)) throw error;
  });
}

/**
 * Asks Flux to take a commit now: first the folder of clusters/, then the chart. Each is a release of its own for
 * helm-controller; in this order the first of them has the new values, and the second changes no pod.
 *
 * Where that can't be, the commit comes all the same: Flux looks by itself, once a minute.
 */
export async function requestSync(
  api: Cluster,
  environment: EnvironmentEntry,
  commit: string,
  log: Log,
): Promise<void> {
  try {
    await askForSync(api, environment, commit);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    log(`Flux could not be asked to look now, and looks when its interval ends: ${error.message}`);
  }
}

async function askForSync(api: Cluster, environment: EnvironmentEntry, commit: string): Promise<void> {
  await reconcile(api, syncSource);
  const end = realClock.now() + APPLY_TIMEOUT_SECONDS * 1000;
  while (!(await hasApplied(api, commit)) && realClock.now() < end) await realClock.sleep(250);
  const found = (await api.findObject(helmReleaseOf(environment))) as HelmRelease | undefined;
  const source = found?.spec?.chart?.spec?.sourceRef;
  if (source?.kind !== "GitRepository" || !source.name) return;
  await reconcile(api, { ...syncSource, namespace: source.namespace ?? environment.namespace, name: source.name });
}

async function hasApplied(api: Cluster, commit: string): Promise<boolean> {
  const found = (await api.findObject(syncKustomization)) as Kustomization | undefined;
  return hasCommit(found?.status?.lastAppliedRevision, commit);
}

async function manifests(name: string): Promise<ClusterObject[]> {
  return objectsIn(await dag.currentModule().source().file(`gitops/${name}.yaml`).contents());
}

/** An API server serves a new kind a moment after it has taken the definition. */
async function applyWhenKnown(api: Cluster, object: ClusterObject, clock: Clock = realClock): Promise<void> {
  const end = clock.now() + KIND_TIMEOUT_SECONDS * 1000;
  for (;;) {
    try {
      await api.applyObject(object);
      return;
    } catch (error) {
      if (!isUnknown(error) || clock.now() >= end) throw error;
      await clock.sleep(100);
    }
  }
}

function isUnknown(error: unknown): boolean {
  if (!(error instanceof ClusterError)) return false;
  return error.problem === "not-found" || /Unrecognized API version and kind/.test(error.message);
}

const authorityOf = ({ authority }: GitStandIn): ClusterObject =>
  ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: AUTHORITY, namespace: FLUX_NAMESPACE },
    data: { "ca.crt": authority },
  }) as ClusterObject;

/** What is changed for a cluster that lives as long as a run: a controller's readiness is seen at once, git leads elsewhere. */
function forThisRun(object: ClusterObject, standIn: GitStandIn | undefined): ClusterObject {
  if (object.kind !== "Deployment") return object;
  const deployment = object as V1Deployment;
  const pod = deployment.spec?.template.spec;
  for (const container of pod?.containers ?? [])
    if (container.readinessProbe) container.readinessProbe.periodSeconds = 1;
  if (deployment.metadata?.name === "kustomize-controller") pod?.containers[0]?.args?.push("--requeue-dependency=1s"); // otherwise 30 s
  if (!pod || !standIn || deployment.metadata?.name !== "source-controller") return object;
  pod.hostAliases = [{ ip: standIn.address, hostnames: [standIn.host] }];
  pod.volumes = [...(pod.volumes ?? []), { name: AUTHORITY, configMap: { name: AUTHORITY } }];
  pod.containers = pod.containers.map(trusting);
  return object;
}

/** Trusts the authority besides those of the image. */
const trusting = (container: V1Container): V1Container => ({
  ...container,
  env: [...(container.env ?? []), { name: "SSL_CERT_DIR", value: `/etc/ssl/certs:/etc/${AUTHORITY}` }],
  volumeMounts: [
    ...(container.volumeMounts ?? []),
    { name: AUTHORITY, mountPath: `/etc/${AUTHORITY}`, readOnly: true },
  ],
});
