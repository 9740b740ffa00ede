import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type Directory, dag } from "@dagger.io/dagger";
import { execQuietly } from "./exec.js";
import { API, type GitRepository, type HelmRelease, type Kustomization, shortRevision } from "./fluxObjects.js";
import { type IgnoreRule, ignoredPaths } from "./ignoreRules.js";
import { images } from "./images.js";
import type { Cluster, ClusterObject } from "./kubernetes.js";
import { networkProblem } from "./probe.js";
import { objectsIn } from "./yamlFile.js";

/** An object as Flux applies it. */
export interface DesiredObject {
  readonly object: ClusterObject;
  /** The name under which Flux owns its fields. */
  readonly manager: string;
  /** JSON pointers to what Flux leaves alone. */
  readonly ignore: readonly string[];
}

/** What one Kustomization or HelmRelease brings into the cluster. */
export interface DesiredState {
  /** `HelmRelease helloworld/helloworld, revision 3`; what a reader should know of it. */
  readonly from: string;
  readonly objects: readonly DesiredObject[];
  /** Why the cluster may rightly differ, or why nothing is compared. */
  readonly notes: readonly string[];
}

// --- Kustomization ----------------------------------------------------------------------------------------------------

const KUSTOMIZE_CONTROLLER = "kustomize-controller";
/** What kustomize-controller does to a folder's objects besides building them, and is not done here. */
const TRANSFORMATIONS = [
  "commonMetadata",
  "components",
  "decryption",
  "images",
  "namePrefix",
  "nameSuffix",
  "patches",
  "postBuild",
  "targetNamespace",
];

/**
 * The objects of a Kustomization: its folder, of the very artifact that Flux has fetched, built by kustomize.
 *
 * @throws ClusterError, or Error with kustomize's words
 */
export async function ofKustomization(api: Cluster, kustomization: Kustomization): Promise<DesiredState> {
  const { namespace, name } = named(kustomization);
  const { spec = {}, status } = kustomization;
  const what = `Kustomization ${namespace}/${name}`;
  if ("kubeConfig" in spec) return nothing(what, ELSEWHERE);
  const transformed = TRANSFORMATIONS.filter((key) => key in spec);
  if (transformed.length > 0)
    return nothing(
      what,
      `is not compared: it uses spec.${transformed.join(", spec.")}, which only Flux itself can apply`,
    );
  const artifact = await artifactOf(api, kustomization);
  if (!artifact?.url) return nothing(what, "is not compared: Flux has fetched nothing for it yet");
  const { revision } = artifact;
  const path = spec.path ?? ".";
  const built = await build(await download(api, artifact), path, what);
  if (!built)
    return nothing(
      what,
      `is not compared: ${path} has no kustomization.yaml, and what Flux makes in its place is not known here`,
    );
  const rules = spec.ignore ?? [];
  const objects = built
    .filter(({ metadata }) => !isExcluded(metadata?.annotations) && !isExcluded(metadata?.labels))
    .map((object) =>
      desired(withMetadata(object, { labels: ownerLabels(namespace, name) }), KUSTOMIZE_CONTROLLER, rules),
    );
  const isApplied = status?.lastAppliedRevision === revision;
  return {
    from: `${what} at ${shortRevision(revision)}`,
    objects,
    notes: [
      ...suspension(what, kustomization),
      ...(isApplied
        ? []
        : [`${what} has applied ${shortRevision(status?.lastAppliedRevision)} and not yet ${shortRevision(revision)}`]),
    ],
  };
}

async function artifactOf(api: Cluster, { spec, metadata }: Kustomization) {
  const { kind = "", name = "", namespace = metadata?.namespace } = spec?.sourceRef ?? {};
  const reference = { apiVersion: API.GitRepository, kind, name, ...(namespace && { namespace }) };
  return ((await api.findObject(reference)) as GitRepository | undefined)?.status?.artifact;
}

const DOWNLOAD_MS = 60_000;

/** Takes an artifact from source-controller, by a port-forward: its address is one of the cluster's own. */
async function download(api: Cluster, { url = "", digest }: { url?: string; digest?: string }): Promise<Buffer> {
  const { hostname, port, pathname } = new URL(url);
  const [service = "", namespace = ""] = hostname.split(".");
  const words: string[] = [];
  const forward = await api.portForward(namespace, service, Number(port) || 80, { log: (line) => words.push(line) });
  const signal = AbortSignal.timeout(DOWNLOAD_MS);
  try {
    const answer = await fetch(`${forward.url}${pathname}`, { signal });
    if (!answer.ok) throw new Error(`${service} does not give Flux's artifact ${pathname}: HTTP ${answer.status}.`);
    const content = Buffer.from(await answer.arrayBuffer());
    const hash = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    if (digest?.startsWith("sha256:") && digest !== hash)
      throw new Error(`Flux's artifact ${pathname} is not the one of its digest: ${hash} instead of ${digest}.`);
    return content;
  } catch (error) {
    if (signal.aborted)
      throw new Error(
        `${service} has not given Flux's artifact ${pathname} within ${DOWNLOAD_MS / 1000} s. Next: kubectl -n ${namespace} get pods`,
      );
    if (!(error instanceof TypeError)) throw error;
    // fetch's own error says that it failed, and why in its cause; what the way to the pod met says more.
    throw new Error([networkProblem(error, url).message, ...new Set(words)].join("\n"), { cause: error });
  } finally {
    await forward.close();
  }
}

/** The exit code for a folder without a kustomization. */
const NO_KUSTOMIZATION = 64;
/** As kustomize-controller does, whose folders may name files anywhere in the artifact. */
const BUILD = `mkdir /tmp/tree && tar -xzf artifact.tar.gz -C /tmp/tree --no-same-owner && cd /tmp/tree || exit
found=$(find "$1" -maxdepth 1 '(' -name kustomization.yaml -o -name kustomization.yml -o -name Kustomization ')') || exit
[ -n "$found" ] || exit ${NO_KUSTOMIZATION}
exec kubectl kustomize "$1" --load-restrictor LoadRestrictionsNone`;

/** Runs kustomize on a folder of an artifact (.tar.gz); nothing where the folder has no kustomization. */
async function build(artifact: Buffer, path: string, what: string): Promise<ClusterObject[] | undefined> {
  const container = dag
    .container()
    .from(images.node)
    .withDirectory("/artifact", await folderWith("artifact.tar.gz", artifact))
    .withWorkdir("/artifact");
  const { code, stdout, stderr } = await execQuietly(container, ["sh", "-c", BUILD, "sh", path]);
  if (code === NO_KUSTOMIZATION) return undefined;
  if (code !== 0) throw new Error(`kustomize can't build ${path} of ${what}:\n${stderr.trim()}`);
  return objectsIn(stdout);
}

/** A folder with a file that is not text, which can't go through an argument. */
async function folderWith(name: string, content: Buffer): Promise<Directory> {
  const file = `${randomUUID()}-${name}`;
  await writeFile(file, content);
  return dag.directory().withFile(name, dag.currentModule().workdirFile(file));
}

const ownerLabels = (namespace: string, name: string) => ({
  "kustomize.toolkit.fluxcd.io/name": name,
  "kustomize.toolkit.fluxcd.io/namespace": namespace,
});

/** Objects that Flux makes once, or never touches. */
const isExcluded = (marks: Readonly<Record<string, string>> = {}) =>
  marks["kustomize.toolkit.fluxcd.io/reconcile"] === "disabled" ||
  /^(ignore|ifnotpresent)$/i.test(marks["kustomize.toolkit.fluxcd.io/ssa"] ?? "");

// --- HelmRelease ------------------------------------------------------------------------------------------------------

const HELM_CONTROLLER = "helm-controller";

/**
 * The objects of a HelmRelease: the manifest that Helm has stored with its last good release, without hooks and tests.
 *
 * @throws ClusterError, or Error when Helm's release can't be read
 */
export async function ofHelmRelease(api: Cluster, release: HelmRelease): Promise<DesiredState> {
  const { namespace, name } = named(release);
  const what = `HelmRelease ${namespace}/${name}`;
  if (release.spec && "kubeConfig" in release.spec) return nothing(what, ELSEWHERE);
  const history = release.status?.history ?? [];
  const deployed = history.find(({ status }) => status === "deployed");
  if (!deployed?.name) return nothing(what, "is not compared: it has no release that is deployed");
  const rules = release.spec?.driftDetection?.ignore ?? [];
  const home = deployed.namespace ?? namespace;
  const manifest = await storedManifest(api, release.status?.storageNamespace ?? namespace, deployed);
  const annotations = { "meta.helm.sh/release-name": deployed.name, "meta.helm.sh/release-namespace": home };
  const ofHelm = { labels: { "app.kubernetes.io/managed-by": "Helm" }, annotations };
  const objects = manifest
    .filter(({ metadata }) => !isUnwatched(metadata?.annotations) && !isUnwatched(metadata?.labels))
    .map(async (object) => desired(await housed(api, withMetadata(object, ofHelm), home), HELM_CONTROLLER, rules));
  return {
    from: `${what} at revision ${deployed.version}`,
    objects: await Promise.all(objects),
    notes: [
      ...suspension(what, release),
      ...(history[0] === deployed
        ? []
        : [`The last release of ${what}, ${history[0]?.version}, is ${history[0]?.status}`]),
    ],
  };
}

/** An object whose fields helm-controller does not put back: its annotation says so, or its label. */
const isUnwatched = (marks: Readonly<Record<string, string>> = {}) =>
  marks["helm.toolkit.fluxcd.io/driftDetection"] === "disabled";

/** Helm keeps each release in a Secret: as JSON, packed by gzip, in base64, which the Secret has in base64 once more. */
async function storedManifest(
  api: Cluster,
  namespace: string,
  { name, version }: { name?: string; version?: number },
): Promise<ClusterObject[]> {
  const secret = `sh.helm.release.v1.${name}.v${version}`;
  const found = (await api.findRaw({ apiVersion: "v1", kind: "Secret", namespace, name: secret })) as
    | { data?: { release?: string } }
    | undefined;
  if (!found?.data?.release)
    throw new Error(`There is no Secret ${namespace}/${secret}, in which Helm keeps the release.`);
  return objectsIn(await manifestOf(found.data.release));
}

/** The manifest in a release as Helm's Secret holds it. */
export async function manifestOf(release: string): Promise<string> {
  const packed = Buffer.from(Buffer.from(release, "base64").toString("utf8"), "base64");
  const { manifest = "" } = JSON.parse((await promisify(gunzip)(packed)).toString("utf8")) as { manifest?: string };
  return manifest;
}

/** An object in the release's namespace, if it lives in one and names none. */
async function housed(api: Cluster, object: ClusterObject, namespace: string): Promise<ClusterObject> {
  if (object.metadata?.namespace || !(await api.isNamespaced(object.apiVersion ?? "v1", object.kind ?? "")))
    return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

// --- both -------------------------------------------------------------------------------------------------------------

function desired(object: ClusterObject, manager: string, rules: readonly IgnoreRule[]): DesiredObject {
  return { object: encoded(object), manager, ignore: ignoredPaths(rules, object) };
}

/** A Secret as the API server keeps it: `stringData` is only a way to write `data`. */
function encoded(object: ClusterObject): ClusterObject {
  const { stringData, data, ...rest } = object as ClusterObject & Record<"stringData" | "data", Record<string, string>>;
  if (object.kind !== "Secret" || !stringData) return object;
  const more = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return { ...rest, data: { ...data, ...Object.fromEntries(more) } } as ClusterObject;
}

function withMetadata(
  object: ClusterObject,
  { labels, annotations }: { labels: Record<string, string>; annotations?: Record<string, string> },
): ClusterObject {
  const { metadata } = object;
  const more = annotations && { annotations: { ...metadata?.annotations, ...annotations } };
  return { ...object, metadata: { ...metadata, labels: { ...metadata?.labels, ...labels }, ...more } };
}

const named = ({ metadata }: { readonly metadata?: { readonly namespace?: string; readonly name?: string } }) => ({
  namespace: metadata?.namespace ?? "",
  name: metadata?.name ?? "",
});

const ELSEWHERE = "is not compared: it is for another cluster, by spec.kubeConfig";

const nothing = (what: string, why: string): DesiredState => ({ from: what, objects: [], notes: [`${what} ${why}`] });

function suspension(what: string, { spec }: { readonly spec?: { readonly suspend?: boolean } }): string[] {
  return spec?.suspend ? [`${what} is suspended: Flux puts nothing back`] : [];
}
