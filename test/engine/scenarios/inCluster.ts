/**
 * What the application may expect of the cluster itself, as Flux brings it to a node with clusters/local: a drain that leaves
 * enough pods, and as many pods as the load needs.
 */
import type { Directory } from "@dagger.io/dagger";
import type { CoreV1Api, V1Pod, V1PodDisruptionBudget, V2HorizontalPodAutoscaler } from "@kubernetes/client-node";
import { APP_URL, analysed, answersOf, clientPod, openPlatform, startClient } from "./canary.js";
import { collector, until } from "./cases.js";
import { clusterError } from "./clusterErrors.js";
import { isReady } from "./diagnosis.js";
import { environment } from "./environments.js";
import { inspectKubeconfig } from "./kubeconfig.js";
import type { Cluster } from "./kubernetes.js";
import type { ThrowawayPlatform } from "./platform.js";
import { realClock, withAdvice } from "./steps.js";

const local = environment("local");
const { namespace, helmRelease } = local;
const log = (line: string) => console.log(line);

/** The Deployment that serves, and the autoscaler that Flagger has made for it of the chart's. */
const primary = `${helmRelease}-primary`;
const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", namespace, name: primary };
const autoscaler = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", namespace, name: primary };

/** In the order of its life; one result for each case. */
export async function inClusterCases(source: Directory): Promise<Record<string, unknown>> {
  const platform = await openPlatform(await withReplicas(source, 2, 3), log);
  const { results, note } = collector();
  try {
    await note("installed", async () => (await analysed(platform, ["Initialized"], async () => undefined)).serves);
    await note("drain", () => drained(platform));
    await note("load", () =>
      withAdvice(
        () => scaled(platform.api),
        () => conditionsOf(platform.api),
      ),
    );
  } finally {
    await platform.stop();
  }
  return results;
}

/** The working tree with another number of pods in dev. */
async function withReplicas(source: Directory, least: number, most: number): Promise<Directory> {
  const text = await source.file(local.releaseFile).contents();
  const changed = text
    .replace(/minReplicas: \d+/, `minReplicas: ${least}`)
    .replace(/maxReplicas: \d+/, `maxReplicas: ${most}`);
  return source.withNewFile(local.releaseFile, changed);
}

// --- a drain ----------------------------------------------------------------------------------------------------------

type Answers = Awaited<ReturnType<typeof answersOf>>;

/** What `kubectl drain` does to the application's pods on a node; a new node comes when the evictions have been refused. */
async function drained({ api, kubeconfig }: ThrowawayPlatform) {
  const evict = await evictions(kubeconfig);
  await startClient(api);
  // Before the pod has started there is no log.
  await until("requests are answered", async () => (await answersOf(api).catch(() => ({}) as Answers))["200"] ?? false);
  const [first, second] = await until("two pods, one of which may go", async () => {
    const pods = await readyPods(api);
    return (await allowed(api)) === 1 && pods.length === 2 && pods;
  });
  if (!first || !second) throw new Error("there are no two pods");
  await setSchedulable(api, false);
  const let1 = await evict(first);
  const refused = await repeated(5, () => evict(second));
  const waiting = (await pods(api)).filter((pod) => ![first, second].includes(nameOf(pod)));
  const replacement = waiting.map((pod) => `${pod.status?.phase}${isReady(pod) ? ", ready" : ""}`);
  await setSchedulable(api, true);
  let readyBefore = 0;
  const let2 = await until("the second one is let go", async () => {
    const others = (await readyPods(api)).filter((name) => name !== second);
    const answer = await evict(second);
    readyBefore = others.length;
    return answer === "let" && answer;
  });
  const back = await until("both are back", async () => {
    const ready = (await readyPods(api)).filter((name) => ![first, second].includes(name));
    return ready.length === 2 && (await allowed(api)) === 1 && ready.length;
  });
  // The client's last report covers five seconds.
  await realClock.sleep(10_000);
  const answers = await answersOf(api);
  await api.deleteObject({ apiVersion: "v1", kind: "Pod", namespace, name: "client" });
  return { first: let1, refused, replacement, second: let2, readyBefore, back, answers };
}

type Evict = (pod: string) => Promise<string>;

/** Evictions of pods: `let`, or the API server's refusal. */
async function evictions(kubeconfig: string): Promise<Evict> {
  const core = await coreApi(kubeconfig);
  const target = inspectKubeconfig(kubeconfig);
  return async (name) => {
    const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
    return await core.createNamespacedPodEviction({ name, namespace, body }).then(
      () => "let",
      (error: unknown) => clusterError(error, "the eviction", target).message,
    );
  };
}

async function coreApi(kubeconfig: string): Promise<CoreV1Api> {
  const kubernetes = await import("@kubernetes/client-node");
  const config = new kubernetes.KubeConfig();
  config.loadFromString(kubeconfig);
  return config.makeApiClient(kubernetes.CoreV1Api);
}

/** Does something each second for so long; how often each answer came. */
async function repeated(seconds: number, work: () => Promise<string>): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await realClock.sleep(1000)) {
    const answer = await work();
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
  return answers;
}

/** As `kubectl cordon` and `kubectl uncordon`. */
async function setSchedulable(api: Cluster, isSchedulable: boolean): Promise<void> {
  await api.patchObject({ apiVersion: "v1", kind: "Node", name: "node" }, { spec: { unschedulable: !isSchedulable } });
}

/** How many pods the budget would let go now. */
async function allowed(api: Cluster): Promise<number | undefined> {
  return ((await api.findObject(budget)) as V1PodDisruptionBudget | undefined)?.status?.disruptionsAllowed;
}

const nameOf = ({ metadata }: V1Pod) => metadata?.name ?? "";
const pods = (api: Cluster) => api.listPods(namespace, `app.kubernetes.io/name=${primary}`);

/** The names of the pods that serve and shall go on serving. */
async function readyPods(api: Cluster): Promise<string[]> {
  return (await pods(api)).filter((pod) => isReady(pod) && !pod.metadata?.deletionTimestamp).map(nameOf);
}

// --- load -------------------------------------------------------------------------------------------------------------

/** 400 requests a second, which is more than the CPU that two pods ask for. */
const load = clientPod("load", `exec hey -z 10m -q 100 -c 4 -disable-keepalive ${APP_URL}`);

/** What the autoscaler makes of a load. */
async function scaled(api: Cluster) {
  const { spec } = await autoscalerOf(api);
  const idle = await until("the autoscaler knows the CPU", async () => {
    const standing = standingOf(await autoscalerOf(api));
    return standing.cpu !== undefined && standing;
  });
  await api.applyObject(load);
  const started = Date.now();
  const seconds = () => (Date.now() - started) / 1000;
  const more = await until("the autoscaler wants more", async () => {
    const standing = standingOf(await autoscalerOf(api));
    return standing.desired > idle.desired && standing;
  });
  const wanted = { ...more, seconds: seconds() };
  const ready = await until("the pods are there", async () => {
    const names = await readyPods(api);
    return names.length === more.desired && names.length;
  });
  await api.deleteObject({ apiVersion: "v1", kind: "Pod", namespace, name: "load" });
  const { minReplicas, maxReplicas, scaleTargetRef } = spec ?? {};
  return { scales: scaleTargetRef?.name, minReplicas, maxReplicas, idle, wanted, ready, readyAfter: seconds() };
}

async function autoscalerOf(api: Cluster): Promise<V2HorizontalPodAutoscaler> {
  const found = await api.findObject(autoscaler);
  if (!found) throw new Error(`There is no HorizontalPodAutoscaler ${primary}.`);
  return found as V2HorizontalPodAutoscaler;
}

/** What an autoscaler sees, CPU in percent of the requests, and what it makes of it. */
function standingOf({ status }: V2HorizontalPodAutoscaler) {
  const cpu = status?.currentMetrics?.find(({ resource }) => resource?.name === "cpu");
  return { desired: status?.desiredReplicas ?? 0, cpu: cpu?.resource?.current.averageUtilization };
}

/** Why an autoscaler does nothing. */
async function conditionsOf(api: Cluster): Promise<string> {
  const { status } = await autoscalerOf(api);
  return (status?.conditions ?? []).map(({ type, status, message }) => `${type} ${status}: ${message}`).join("\n");
}
