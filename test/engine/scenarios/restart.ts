/**
 * A platform whose node is killed and started again with its state: a new container with the volume of the one before, at
 * another address. It must go on and not be installed again; the second time it is killed in the middle of a release.
 */
import type { Directory } from "@dagger.io/dagger";
import type { V1Node, V1Pod } from "@kubernetes/client-node";
import { sampleRegistry } from "./app.js";
import { canary } from "./canary.js";
import { collector, textOf, until } from "./cases.js";
import { removeState, startCluster, type ThrowawayCluster } from "./cluster.js";
import { findClusterDrift } from "./clusterDrift.js";
import { isReady } from "./diagnosis.js";
import { APP_PORT, underLoad } from "./endToEnd.js";
import { environment } from "./environments.js";
import { requestSync } from "./flux.js";
import { API, type Canary } from "./fluxObjects.js";
import { commitTag } from "./git.js";
import { releaseThroughGit, waitForTag } from "./gitopsRelease.js";
import type { Cluster } from "./kubernetes.js";
import { startPlatform, startPlatformNode } from "./platform.js";
import { checkHttp } from "./probe.js";
import { imageRepository } from "./releaseFile.js";

const local = environment("local");
const { namespace, helmRelease } = local;
const log = (line: string) => console.log(line);
const options = { author: "Test <test@helloworld.invalid>", message: "a change of the test", log };

/** What a cluster that goes on has as it was; one that is made anew has others. */
const LASTING = [
  ["v1", "Node"],
  ["v1", "Namespace"],
  ["v1", "Pod"],
  ["v1", "Secret"],
  ["apps/v1", "Deployment"],
  [API.GitRepository, "GitRepository"],
  [API.Kustomization, "Kustomization"],
  [API.HelmRelease, "HelmRelease"],
  [API.Canary, "Canary"],
] as const;

/** In the order of its life; one result for each case. */
export async function restartCases(source: Directory): Promise<Record<string, unknown>> {
  const state = `test-${Date.now()}`;
  const registry = await sampleRegistry(source, await imageRepository(source, local));
  const parts = { source, environment: local, registry, state, log };
  const { git, ...first } = await startPlatform(parts);
  const { remote } = git;
  let node: ThrowawayCluster = { ...first, stop: async () => void (await first.service.stop({ kill: true })) };
  const target = () => ({ api: node.api, remote, environment: local, log });
  const { results, note } = collector();
  const startAgain = async () => {
    const since = Date.now();
    const seconds = () => (Date.now() - since) / 1000;
    node = await startPlatformNode(parts);
    const nodeReady = seconds();
    const serves = await until("the application answers", () => served(node.api));
    const answered = seconds();
    const pods = await until("every pod has started anew", () => startedAnew(node.api, since), 180);
    return { serves, pods, seconds: { nodeReady, answered, allPods: seconds() } };
  };
  try {
    await note("installed", async () => (await waitForTag(target(), "v0.1.0")).tag);
    await note("a second node with the same state", () => startCluster({ state, log }).then(() => "started", textOf));
    await note("removed while it runs", () => removeState(state).then(String, textOf));
    await note("killed", async () => {
      const [before, address] = [await uidsOf(node.api), await addressOf(node.api)];
      await node.stop();
      const silent = await node.api.serverVersion().catch(textOf);
      const back = await startAgain();
      const after = await uidsOf(node.api);
      const lost = before.filter((uid) => !after.includes(uid));
      return { silent, ...back, addresses: [address, await addressOf(node.api)], objects: before.length, lost };
    });
    await note("a commit afterwards", async () => {
      const { value, summary } = await underLoad(node.api, local, log, () => releaseThroughGit(target(), "v0.2.0"));
      return { tag: value.release.tag, changed: value.commit.changed, seconds: value.release.seconds, summary };
    });
    await note("killed in the middle of a release", async () => {
      const { sha } = await commitTag(remote, local, "v0.1.0", options);
      await requestSync(node.api, local, sha, log);
      const during = await until("Flagger analyses", async () => {
        const { status } = ((await node.api.findObject(canary)) ?? {}) as Canary;
        return status?.phase === "Progressing" && status.phase;
      });
      await node.stop();
      const back = await startAgain();
      const out = await waitForTag(target(), "v0.1.0", sha);
      return { during, ...back, tag: out.tag };
    });
    await note("drift", async () => (await findClusterDrift(node.api, local)).drifted);
    await node.stop();
    await note("a node of other images", () => startCluster({ state, log }).then(() => "started", textOf));
  } finally {
    await Promise.all([node.stop(), git.stop()]);
  }
  await note("removed", () => removeState(state));
  await note("removed again", () => removeState(state));
  return results;
}

/** The uids of what lasts, with names to read. */
async function uidsOf(api: Cluster): Promise<string[]> {
  const lists = await Promise.all(LASTING.map(([version, kind]) => api.listObjects(version, kind)));
  return lists.flatMap((list, index) =>
    list.map(({ metadata }) => [LASTING[index]?.[1], metadata?.namespace, metadata?.name, metadata?.uid].join(" ")),
  );
}

async function addressOf(api: Cluster): Promise<string> {
  const [node] = await api.listObjects("v1", "Node");
  return (node as V1Node).status?.addresses?.find(({ type }) => type === "InternalIP")?.address ?? "";
}

async function served(api: Cluster): Promise<string | false> {
  const answer = async () => {
    const forward = await api.portForward(namespace, `${helmRelease}-primary`, APP_PORT);
    try {
      const { status, versions } = await checkHttp(forward.url);
      return status === 200 && `200 ${versions.join(" ")}`;
    } finally {
      await forward.close();
    }
  };
  return await answer().catch(() => false);
}

/** How many pods run, once each of them has containers of this node's life. */
async function startedAnew(api: Cluster, since: number): Promise<number | false> {
  const pods = ((await api.listObjects("v1", "Pod")) as V1Pod[]).filter(({ status }) => !isOver(status?.phase));
  const isNew = (pod: V1Pod) =>
    isReady(pod) &&
    (pod.status?.containerStatuses ?? []).every(
      ({ state }) => new Date(state?.running?.startedAt ?? 0).getTime() >= since - (since % 1000),
    );
  return pods.length > 0 && pods.every(isNew) && pods.length;
}

const isOver = (phase: string | undefined) => phase === "Succeeded" || phase === "Failed";
