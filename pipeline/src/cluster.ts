import { randomBytes, randomUUID } from "node:crypto";
import {
  CacheSharingMode,
  type CacheVolume,
  type Container,
  dag,
  type File,
  ImageLayerCompression,
  type Service,
} from "@dagger.io/dagger";
import { onceStarted, peerAuthority } from "./certificates.js";
import { quietContents, uncached } from "./exec.js";
import { imageFile } from "./imageFile.js";
import { images } from "./images.js";
import { type Cluster, connect } from "./kubernetes.js";
import type { AppRegistry } from "./registry.js";
import { type Log, type Run, withAdvice } from "./steps.js";

/** The port of a node's API server. */
export const API_PORT = 6443;

/** The most that a node may take until it is ready, in seconds; it takes about five. */
const READY_TIMEOUT_SECONDS = 90;

/** A cluster that lives as long as the run that started it. */
export interface ThrowawayCluster {
  readonly service: Service;
  readonly api: Cluster;
  /** Leads to the cluster from any container of the run; the administrator's. Never log it. */
  readonly kubeconfig: string;
  /** What the node said when it ended by itself; nothing while it is well. */
  lastWords(): Promise<string>;
  /** Ends the node at once. */
  stop(): Promise<void>;
}

/** How a throwaway cluster is set up. */
export interface ClusterOptions {
  /** A registry that stands for the host in the application's image names. */
  readonly registry?: AppRegistry;
  /**
   * Images that shall lie on the node besides those of every cluster: pods with them start at once, and without a registry.
   */
  readonly images?: readonly string[];
  /**
   * A name under which what the node has outlives it: objects, images, volumes of pods, authorities. One that starts with the
   * same name goes on where that one ended.
   */
  readonly state?: string;
  /** Gives the node more: a service, or a setting of node/start. */
  readonly extend?: (node: Container) => Container;
  /** The most that the node may take until it is ready, in seconds. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

type NodeParts = Pick<ClusterOptions, "registry" | "images" | "state">;

/**
 * Starts a Kubernetes node with its control plane in the engine, and waits until it answers and is ready.
 *
 * @throws Error with the node's last words when it does not start
 */
export async function startCluster(options: ClusterOptions): Promise<ThrowawayCluster> {
  const token = randomBytes(32).toString("hex");
  const name = randomUUID();
  const { extend = (node) => node } = options;
  const service = serve(
    extend(await nodeContainer(options))
      .withMountedCache("/words", wordsVolume())
      // Each run has a node of its own, although all that defines it is the same.
      .withEnvVariable("CLUSTER", name)
      .withMountedSecret("/etc/cluster/admin-token", dag.setSecret(`admin-token-${name}`, token)),
  );
  const lastWords = () => wordsOf(name);
  const { api, kubeconfig } = await withAdvice(() => open(service, token, options), lastWords);
  return {
    service,
    api,
    kubeconfig,
    lastWords,
    stop: async () => {
      await service.stop({ kill: true });
    },
  };
}

async function open(
  service: Service,
  token: string,
  { timeoutSeconds = READY_TIMEOUT_SECONDS, log }: ClusterOptions,
): Promise<Pick<ThrowawayCluster, "api" | "kubeconfig">> {
  const since = Date.now();
  await service.start();
  const hostname = await service.hostname();
  const authority = await onceStarted(() => peerAuthority(hostname, API_PORT));
  const kubeconfig = adminKubeconfig({ server: `https://${hostname}:${API_PORT}`, authority, token });
  const api = await connect(kubeconfig);
  await api.waitForNodeReady({ timeoutSeconds, since, log });
  return { api, kubeconfig };
}

/** Runs steps on a cluster. When they fail because its node has ended, the report says so, and why. */
export async function onCluster<T>(
  run: Run,
  { lastWords }: Pick<ThrowawayCluster, "lastWords">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const words = await lastWords();
    if (words)
      await run.step("node", () => Promise.reject(new Error(`The node has ended.\n${words}`))).catch(() => undefined);
    throw error;
  }
}

/** Where nodes that end by themselves say why: what a service prints is out of a caller's reach. */
const wordsVolume = () => dag.cacheVolume("nodes-last-words");

async function wordsOf(cluster: string): Promise<string> {
  const read = 'test ! -e "/words/$0" || cat "/words/$0"; rm -f "/words/$0"';
  const container = dag.container().from(images.busybox).withMountedCache("/words", wordsVolume());
  return await uncached(container).withExec(["sh", "-c", read, cluster]).stdout();
}

/**
 * A cluster to keep: a Service with the API server on 6443, whose kubeconfig `keptKubeconfig` finds.
 *
 * @param state a name under which what it has is kept too, until `removeState`
 */
export async function keptCluster(registry?: AppRegistry, state?: string): Promise<Service> {
  const node = await nodeContainer({ registry, state });
  return serve(
    node.withEnvVariable("CLUSTER", randomUUID()).withMountedCache("/kept", keptVolume(), {
      sharing: CacheSharingMode.Shared,
    }),
  );
}

/** The kubeconfig that the kept cluster wrote when it started; for the host, on which 127.0.0.1:6443 leads to it. */
export async function keptKubeconfig(): Promise<string> {
  const read = "test ! -e /kept/kubeconfig || cp /kept/kubeconfig /kubeconfig; touch /kubeconfig";
  const container = dag
    .container()
    .from(images.busybox)
    .withMountedCache("/kept", keptVolume(), { sharing: CacheSharingMode.Shared });
  const text = await quietContents(uncached(container).withExec(["sh", "-c", read]).file("/kubeconfig"));
  if (text) return text;
  throw new Error(
    `No cluster has been started here yet. Start one first, and leave it running: dagger call cluster up --ports ${API_PORT}:${API_PORT}`,
  );
}

const keptVolume = () => dag.cacheVolume("kept-cluster");

/** @throws Error when it is no name for a state */
function stateVolume(name: string): CacheVolume {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name))
    throw new Error(`"${name}" is no name for a cluster: lower-case letters, digits and "-", 40 at most.`);
  return dag.cacheVolume(`node-state-${name}`);
}

/** The lock is held by a node that runs with this state. */
const REMOVE_STATE = `cd /state
exec 9>lock
if ! flock --nonblock 9; then echo runs; exit; fi
if [ -e made-of ]; then echo removed; fi
find . -mindepth 1 ! -path ./lock -delete`;

/**
 * Removes what nodes of a name have kept.
 *
 * @returns whether there was anything
 * @throws Error while a node of that name runs
 */
export async function removeState(name: string): Promise<boolean> {
  const container = dag
    .container()
    .from(images.node)
    .withMountedCache("/state", stateVolume(name), { sharing: CacheSharingMode.Shared });
  const said = await uncached(container).withExec(["bash", "-euc", REMOVE_STATE]).stdout();
  if (said.trim() === "runs")
    throw new Error(
      `The cluster ${name} is running: end it first, by Ctrl-C where it was started. Nothing was removed.`,
    );
  return said.trim() === "removed";
}

/** kind's node image with the control plane's binaries, the images that every cluster runs, and our start script. */
async function nodeContainer({ registry, images: more = [], state }: NodeParts): Promise<Container> {
  const binaries = {
    etcd: images.etcd,
    "kube-apiserver": images.kubeApiserver,
    "kube-controller-manager": images.kubeControllerManager,
    "kube-scheduler": images.kubeScheduler,
    "kube-proxy": images.kubeProxy,
  };
  const found = await Promise.all(
    Object.entries(binaries).map(async ([name, image]) => ({ name, file: await imageFile(image, name) })),
  );
  let node = dag.container().from(images.node).withDirectory("/node", dag.currentModule().source().directory("node"));
  for (const { name, file } of found) node = node.withFile(`/usr/local/bin/${name}`, file);
  const saved = [images.coredns, images.pause, images.busybox, ...more];
  node = node.withFile("/node/images.tar", savedImages(saved)).withFile("/node/objects.tar", savedObjects(node));
  // Not on the container's overlay file system: containerd makes overlays of its own.
  for (const path of ["/run", "/tmp", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd", "/var/log"]) {
    node = node.withMountedTemp(path);
  }
  node = node.withEnvVariable("PAUSE_IMAGE", images.pause);
  if (state)
    node = node
      .withMountedCache("/state", stateVolume(state), { sharing: CacheSharingMode.Shared })
      .withEnvVariable("STATE_OF", [images.node, images.etcd, ...saved].join(" "));
  if (!registry?.service) return node;
  return node
    .withEnvVariable("REGISTRY_MIRRORS", `${registry.host}=http://registry:5000`)
    .withServiceBinding("registry", registry.service);
}

/** A containerd's state with images unpacked in it: made once for each set of images. */
function savedImages(references: readonly string[]): File {
  let maker = dag
    .container()
    .from(images.node)
    .withFile("/save-images", dag.currentModule().source().file("node/save-images"));
  for (const path of ["/run", "/tmp", "/var/lib/containerd"]) maker = maker.withMountedTemp(path);
  for (const image of references) {
    const archive = `/images/${image.replace(/\W/g, "-")}`;
    const tar = dag.container().from(image).asTarball({ forcedCompression: ImageLayerCompression.Uncompressed });
    // An archive from the engine doesn't know its image's name.
    maker = maker.withMountedFile(`${archive}.tar`, tar).withNewFile(`${archive}.name`, qualified(image));
  }
  const save = ["/save-images", "/images", "/images.tar"];
  return maker.withExec(save, { insecureRootCapabilities: true }).file("/images.tar");
}

/** An etcd's data with what is in every cluster, from the API server's own roles to CoreDNS: made once. */
function savedObjects(node: Container): File {
  let maker = node.withEnvVariable("CLUSTER_DNS_IMAGE", images.coredns);
  for (const path of ["/run", "/tmp", "/var/lib/etcd", "/var/log"]) maker = maker.withMountedTemp(path);
  return maker.withExec(["/node/save-objects", "/objects.tar"]).file("/objects.tar");
}

const serve = (node: Container) =>
  node.withExposedPort(API_PORT).asService({ args: ["/node/start"], insecureRootCapabilities: true });

/** `busybox:1` as `docker.io/library/busybox:1`, as containerd names it. */
function qualified(image: string): string {
  const [first = "", ...rest] = image.split("/");
  if (rest.length > 0 && /[.:]/.test(first)) return image;
  return rest.length > 0 ? `docker.io/${image}` : `docker.io/library/${image}`;
}

function adminKubeconfig(of: { server: string; authority: string; token: string }): string {
  const cluster = {
    server: of.server,
    // The node is reached under names that it doesn't know; this one is in its certificate.
    "tls-server-name": "kubernetes",
    "certificate-authority-data": Buffer.from(of.authority).toString("base64"),
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "throwaway", cluster }],
    users: [{ name: "admin", user: { token: of.token } }],
    contexts: [{ name: "throwaway", context: { cluster: "throwaway", user: "admin" } }],
    "current-context": "throwaway",
  });
}
