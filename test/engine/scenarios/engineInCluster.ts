/**
 * Dagger's engine as a Pod of a node, by Dagger's own Helm chart with the values of clusters/optional/dagger-engine, and calls to
 * it: of a client in the cluster, and of one outside. The engine of this run is the one that the node itself runs in, so the
 * one in the cluster has a network of another name and range; what it pulls, a registry of the run has.
 */
import { randomUUID } from "node:crypto";
import { lookup } from "node:dns/promises";
import { type Container, type Directory, dag, ImageLayerCompression, type Service } from "@dagger.io/dagger";
import { parse } from "yaml";
import { collector, textOf, until } from "./cases.js";
import { startCluster, type ThrowawayCluster } from "./cluster.js";
import { isReady } from "./diagnosis.js";
import { exec, uncached } from "./exec.js";
import { images } from "./images.js";
import type { Cluster, ClusterObject } from "./kubernetes.js";
import { registryWith, serveRegistry } from "./registryServer.js";
import { realClock, withAdvice } from "./steps.js";

const FOLDER = "clusters/optional/dagger-engine";
const NAMESPACE = "dagger";
const PORT = 1234;
const VERSION = ["dagger", "-s", "core", "version"];
const log = (line: string) => console.log(line);

/** What is tried: the repository, and Dagger's chart of the engine's version. */
export interface Tried {
  readonly source: Directory;
  readonly chart: Directory;
}

/** In the order of its life; one result for each case. */
export async function engineCases({ source, chart }: Tried): Promise<Record<string, unknown>> {
  const { results, note } = collector();
  const registry = await startRegistry();
  const cluster = await startCluster({ images: [images.daggerEngine], extend: withEngineState, log });
  try {
    const { api } = cluster;
    await api.patchObject(
      { apiVersion: "v1", kind: "Node", name: "node" },
      { metadata: { labels: { "dagger.io/engine": "true" } } },
    );
    await install({ source, chart }, cluster, registry.address);
    await note("ready", () =>
      withAdvice(
        () => untilReady(api),
        () => lastWordsOf(api),
      ),
    );
    const outside = outsideClient(cluster);
    const tcp = outside.withEnvVariable("_EXPERIMENTAL_DAGGER_RUNNER_HOST", `tcp://node:${PORT}`);
    await note("tcp from outside", () => run(tcp, VERSION));
    await note("kube-pod from outside", async () => {
      const [pod] = await enginePods(api);
      const host = `kube-pod://${pod?.metadata?.name}?namespace=${NAMESPACE}`;
      return await run(outside.withEnvVariable("_EXPERIMENTAL_DAGGER_RUNNER_HOST", host), VERSION);
    });
    await note("tcp from a pod", () => fromPod(api));
    const check = ["dagger", "--progress=plain", "call", "-m", "/source", "--source", "/source", "check"];
    await note("check", () => run(tcp.withMountedDirectory("/source", source), check));
  } finally {
    await Promise.all([cluster.stop(), registry.service.stop({ kill: true })]);
  }
  return results;
}

// --- the cluster ------------------------------------------------------------------------------------------------------

/** The engine makes overlays in its state, which a container's own file system can't hold. */
const withEngineState = (node: Container) =>
  node.withMountedCache("/var/lib/dagger-dagger-dagger-helm", dag.cacheVolume(`engine-${randomUUID()}`));

/** What Flux does with the folder: namespace and network policy, and a Helm release, whose chart no registry here has. */
async function install({ source, chart }: Tried, cluster: ThrowawayCluster, mirror: string): Promise<void> {
  const folder = source.directory(FOLDER);
  for (const name of ["namespace.yaml", "networkpolicy.yaml"])
    await cluster.api.applyObject(parse(await folder.file(name).contents()));
  const { values } = parse(await folder.file("release.yaml").contents()).spec;
  // A small node in an engine whose network has the usual name and range.
  const engine = {
    ...values.engine,
    hostPort: PORT,
    resources: {},
    args: ["--network-name", "in-cluster", "--network-cidr", "10.88.0.0/16"],
    configJson: JSON.stringify({ registries: mirrored(mirror) }),
  };
  const helm = atCluster(dag.container().from(images.helm), cluster)
    .withMountedDirectory("/chart", chart)
    .withNewFile("/values.json", JSON.stringify({ ...values, engine }));
  await uncached(helm)
    .withExec(["helm", "install", "dagger", "/chart", "--namespace", NAMESPACE, "--values", "/values.json"])
    .sync();
}

/** A container that reaches a cluster, as its administrator. */
function atCluster(container: Container, { service, kubeconfig }: ThrowawayCluster): Container {
  return container
    .withServiceBinding("node", service)
    .withMountedSecret("/kubeconfig", dag.setSecret(`kubeconfig-${randomUUID()}`, kubeconfig))
    .withEnvVariable("KUBECONFIG", "/kubeconfig");
}

const enginePods = (api: Cluster) => api.listPods(NAMESPACE, "name=dagger-dagger-helm-engine");

async function untilReady(api: Cluster): Promise<string> {
  const began = Date.now();
  const look = async () => (await enginePods(api)).some(isReady);
  await until("the engine's pod is ready", look, 180);
  return `after ${Math.round((Date.now() - began) / 1000)} s`;
}

async function lastWordsOf(api: Cluster): Promise<string> {
  const [pod] = await enginePods(api);
  const name = pod?.metadata?.name ?? "";
  const events = (await api.listEvents(NAMESPACE)).map(({ reason, message }) => `${reason}: ${message}`);
  const source = { namespace: NAMESPACE, pod: name, container: "dagger-engine", previous: false };
  const said = await api.podLog(source, 60).catch(textOf);
  return [...events, JSON.stringify(pod?.status?.containerStatuses), said].join("\n");
}

// --- clients ----------------------------------------------------------------------------------------------------------

/** A machine outside the cluster with Dagger's CLI, kubectl and a kubeconfig. */
const outsideClient = (cluster: ThrowawayCluster) =>
  atCluster(dag.container().from(images.daggerEngine), cluster).withFile(
    "/usr/local/bin/kubectl",
    dag.container().from(images.node).file("/usr/bin/kubectl"),
  );

async function run(client: Container, args: string[]) {
  const { code, stdout, stderr } = await exec(uncached(client), args);
  return { code, stdout: stdout.trim(), ...(code !== 0 && { stderr: stderr.slice(-6000) }) };
}

/** A runner in the cluster, as clusters/README.md has it. */
async function fromPod(api: Cluster): Promise<string> {
  const env = [{ name: "_EXPERIMENTAL_DAGGER_RUNNER_HOST", value: `tcp://dagger-dagger-helm.${NAMESPACE}:${PORT}` }];
  const containers = [{ name: "runner", image: images.daggerEngine, command: VERSION, env }];
  const metadata = { name: "runner", namespace: "default", labels: { "dagger.io/client": "true" } };
  await api.applyObject({
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { restartPolicy: "Never", containers },
  } as ClusterObject);
  const look = () => api.listPods("default", "dagger.io/client=true");
  let phase = "";
  for (let second = 0; second < 60 && phase !== "Succeeded" && phase !== "Failed"; second++) {
    await realClock.sleep(1000);
    phase = (await look())[0]?.status?.phase ?? "";
  }
  const said = await api.podLog({ namespace: "default", pod: "runner", container: "runner", previous: false }, 50);
  return `${phase}: ${said.trim()}`;
}

// --- what the engine in the cluster pulls -----------------------------------------------------------------------------

/** The images of `check`. */
const PULLED = [images.helm, images.kubeconform, images.actionlint, images.tflint, images.terraform];

const hosts = ["docker.io", "ghcr.io"];

const mirrored = (address: string) => ({
  ...Object.fromEntries(hosts.map((host) => [host, { mirrors: [address] }])),
  [address]: { http: true },
});

/** A registry with those images, for a host whose containers reach no other. */
async function startRegistry(): Promise<{ service: Service; address: string }> {
  // The same for all layers: crane looks at the first, and takes the others to be as that one is.
  const gzipped = { forcedCompression: ImageLayerCompression.Gzip };
  const tarballs = PULLED.map((image) => [
    image.replace(/^ghcr\.io\//, ""),
    dag.container().from(image).asTarball(gzipped),
  ]);
  const service = serveRegistry(await registryWith(Object.fromEntries(tarballs)));
  await service.start();
  const { address } = await lookup(await service.hostname(), { family: 4 });
  return { service, address: `${address}:5000` };
}
