/**
 * What Flux makes of a platform that is disturbed, and what is told of it: changes by hand, two tags at once, a helm-controller
 * that ends in the middle of an upgrade, a registry that is away, a release that is suspended. Begins and ends with v0.1.0.
 */
import { type Note, textOf } from "./cases.js";
import { findClusterDrift, summarizeClusterDrift } from "./clusterDrift.js";
import { underLoad } from "./endToEnd.js";
import { environment } from "./environments.js";
import { FLUX_NAMESPACE, reconcile, requestSync, syncKustomization } from "./flux.js";
import { helmReleaseOf } from "./fluxObjects.js";
import type { AwaySwitch } from "./gate.js";
import { commitFile, commitTag, gitContainer, runGit } from "./git.js";
import { releaseThroughGit, servedTag, waitForTag } from "./gitopsRelease.js";
import type { Cluster, ObjectReference } from "./kubernetes.js";
import type { ThrowawayPlatform } from "./platform.js";
import type { RegistryLogin } from "./pullSecret.js";
import { setTag } from "./release.js";
import { statusOf } from "./status.js";
import { realClock } from "./steps.js";

const local = environment("local");
const { namespace, helmRelease } = local;
const log = (line: string) => console.log(line);
const options = { author: "Test <test@helloworld.invalid>", message: "a change of the test", log };
const secondsSince = (moment: number) => (Date.now() - moment) / 1000;

const release = helmReleaseOf(local);

/** The registry of the application's images: how it goes away, and who may pull. */
export interface DisturbedRegistry {
  readonly away: AwaySwitch;
  readonly login: RegistryLogin;
}

export async function disturbances(
  platform: ThrowawayPlatform,
  registry: DisturbedRegistry,
  note: Note,
): Promise<void> {
  await note("changed by hand", () => changedByHand(platform.api));
  await note("two tags within a second", () => twoTags(platform));
  await note("helm-controller ends in an upgrade", () => controllerEnds(platform, "v0.1.0"));
  await note("suspended", () => suspended(platform, "v0.2.0"));
  await note("the registry refuses", () => registryRefuses(platform, registry.login, ["v0.1.0", "v0.2.0"]));
  await note("the registry is away for 20 s", () => registryIsAway(platform, registry.away, "v0.1.0"));
}

// --- by hand ----------------------------------------------------------------------------------------------------------

const deployment: ObjectReference = { apiVersion: "apps/v1", kind: "Deployment", namespace, name: helmRelease };

async function changedByHand(api: Cluster) {
  const before = await driftRows(api);
  await Promise.all([
    // Of the HelmRelease: a field, something that git does not name, and an object.
    api.patchObject(deployment, { spec: { progressDeadlineSeconds: 17 }, metadata: { annotations: { note: "mine" } } }),
    api.deleteObject({
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      namespace,
      name: helmRelease,
    }),
    // Of the Kustomizations: a label, a field, and an object.
    api.patchObject(
      { apiVersion: "v1", kind: "Namespace", name: namespace },
      { metadata: { labels: { environment: "prod" } } },
    ),
    api.patchObject(
      { apiVersion: "v1", kind: "Service", namespace, name: "flagger-loadtester" },
      { spec: { selector: { app: "nobody" } } },
    ),
    api.deleteObject({
      apiVersion: "v1",
      kind: "Service",
      namespace: "monitoring",
      name: "kube-prometheus-stack-prometheus",
    }),
  ]);
  const found = await driftRows(api);
  const began = Date.now();
  await Promise.all([
    reconcile(api, syncKustomization),
    reconcile(api, { ...syncKustomization, name: "platform" }),
    reconcile(api, release),
  ]);
  let left = found;
  while (left.length > 1 && secondsSince(began) < 120) {
    left = await driftRows(api);
    if (left.length > 1) await realClock.sleep(500);
  }
  const seconds = secondsSince(began);
  const drift = /^\| drift .*$/m.exec(await statusOf(api, { environment: local, tag: "v0.1.0" }))?.[0];
  await api.patchObject(deployment, { metadata: { annotations: { note: null } } });
  return { before, found, seconds, left, drift, after: await driftRows(api) };
}

/** The rows of the table, without its alignment. */
async function driftRows(api: Cluster): Promise<string[]> {
  const report = summarizeClusterDrift(await findClusterDrift(api, local), local.name) ?? "";
  const rows = report.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((row) => row.replace(/ +/g, " "));
}

// --- two tags ---------------------------------------------------------------------------------------------------------

/** The first of two tags is a bad one: it must not come out. */
async function twoTags({ api, git: { remote } }: ThrowawayPlatform) {
  const target = { api, remote, environment: local, log };
  const { shas, milliseconds } = await pushBoth(remote, "v0.9.2", "v0.2.0");
  const [first = "", second = ""] = shas;
  const [overtaken, out] = await Promise.all([
    waitForTag(target, "v0.9.2", first).then(({ tag }) => tag, textOf),
    waitForTag(target, "v0.2.0", second),
    requestSync(api, local, second, log),
  ]);
  return { milliseconds, overtaken, second, tag: out.tag, seconds: out.seconds };
}

/** Pushes two commits from one clone, one after the other. */
async function pushBoth(remote: Parameters<typeof runGit>[0], ...tags: [string, string]) {
  // Dagger takes no other exit code than 0 and 1 of git.
  const script = `(
    set -e
    git clone --quiet --branch "$BRANCH" "$URL" /work
    cd /work
    git config user.name Test
    git config user.email test@helloworld.invalid
    began=$(date +%s%3N)
    for tag in ${tags.join(" ")}; do
      sed -i "s/^      tag: .*/      tag: \\"$tag\\"/" ${local.releaseFile}
      git commit --quiet --all --message "$tag"
      git rev-parse HEAD
      git push --quiet origin "HEAD:$BRANCH"
      ended=$now; now=$(date +%s%3N)
    done
    echo $((now - ended))
  )
  [ $? -eq 0 ] || exit 1`;
  const { stdout } = await runGit(remote, gitContainer(remote), script);
  const lines = stdout.trim().split("\n");
  return { shas: lines.slice(0, 2), milliseconds: Number(lines[2]) };
}

// --- helm-controller --------------------------------------------------------------------------------------------------

/** Helm's upgrade takes a second, and what ends the controller may come after it: then it is tried anew, so often at most. */
const KILLS = 4;

/** Ends helm-controller at once while Helm's release says that it is being upgraded. */
async function controllerEnds(platform: ThrowawayPlatform, tag: string) {
  const target = { api: platform.api, remote: platform.git.remote, environment: local, log };
  const before = await servedTag(target);
  for (let kill = 1; ; kill++) {
    const ended = await endedDuring(platform, tag);
    if (ended.left !== "deployed" || kill === KILLS || !before) return ended;
    log("Helm was done before helm-controller had ended: back, and once more");
    await releaseThroughGit(target, before);
  }
}

async function endedDuring(platform: ThrowawayPlatform, tag: string) {
  const { api, git, kubeconfig } = platform;
  const target = { api, remote: git.remote, environment: local, log };
  const killed = killController(api, kubeconfig);
  const { value, summary } = await underLoad(api, local, log, async () => {
    const [{ release: out }, kill] = await Promise.all([releaseThroughGit(target, tag), killed]);
    return { out, kill };
  });
  return { tag: value.out.tag, seconds: value.out.seconds, ...value.kill, summary };
}

async function killController(api: Cluster, kubeconfig: string) {
  const { CoreV1Api, KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const [pod] = await api.listPods(FLUX_NAMESPACE, "app=helm-controller");
  const end = Date.now() + 120_000;
  for (; Date.now() < end; await realClock.sleep(20)) {
    const during = await newestState(api);
    if (!during.startsWith("pending-")) continue;
    await core.deleteNamespacedPod({
      namespace: FLUX_NAMESPACE,
      name: pod?.metadata?.name ?? "",
      gracePeriodSeconds: 0,
    });
    log(`helm-controller is ended; Helm's release is ${during}`);
    return { during, left: await stateOnceGone(api, pod?.metadata?.uid) };
  }
  throw new Error("Helm's release was never seen in an upgrade");
}

/** In which state the ended controller has left Helm's release: the new one waits for its turn as the leader. */
async function stateOnceGone(api: Cluster, uid: string | undefined): Promise<string> {
  const hasStarted = async () => {
    const pods = await api.listPods(FLUX_NAMESPACE, "app=helm-controller");
    return pods.some(({ metadata, status }) => metadata?.uid !== uid && status?.containerStatuses?.[0]?.started);
  };
  for (let attempt = 1; attempt < 100 && !(await hasStarted()); attempt++) await realClock.sleep(100);
  return await newestState(api);
}

/** The state of Helm's newest release, as the label of its Secret has it. */
async function newestState(api: Cluster): Promise<string> {
  const labels = (await api.listObjects("v1", "Secret", namespace))
    .map(({ metadata }) => metadata?.labels ?? {})
    .filter(({ owner }) => owner === "helm");
  return labels.sort((a, b) => Number(b.version) - Number(a.version))[0]?.status ?? "";
}

// --- suspended --------------------------------------------------------------------------------------------------------

async function suspended({ api, git: { remote } }: ThrowawayPlatform, tag: string) {
  const target = { api, remote, environment: local, log };
  await api.patchObject(release, { spec: { suspend: true } });
  const { sha } = await commitTag(remote, local, tag, options);
  const [told] = await Promise.all([
    waitForTag(target, tag, sha).then((out) => `${out.tag} is out`, textOf),
    requestSync(api, local, sha, log),
  ]);
  const status = await statusOf(api, { environment: local, tag });
  const drift = await driftRows(api);
  await api.patchObject(release, { spec: { suspend: null } });
  const began = Date.now();
  const out = await waitForTag(target, tag, sha);
  return { told, status, drift, tag: out.tag, seconds: secondsSince(began), after: await driftRows(api) };
}

// --- the registry -----------------------------------------------------------------------------------------------------

/** The pull secret's token is revoked: the release is told as one that can't come good. The tag before is brought again, and the token. */
async function registryRefuses(
  { api, git: { remote } }: ThrowawayPlatform,
  login: RegistryLogin,
  [tag, before]: [string, string],
) {
  const target = { api, remote, environment: local, log };
  await api.applyPullSecret(namespace, { ...login, password: "wrong-password-1234" });
  const told = await releaseThroughGit(target, tag).then(({ release: out }) => `${out.tag} is out`, textOf);
  await api.applyPullSecret(namespace, login);
  const { value, summary } = await underLoad(api, local, log, () => releaseThroughGit(target, before));
  return { told, tag: value.release.tag, summary };
}

/** The node has both versions by now, and pulls anew all the same: dev always does. */
async function registryIsAway({ api, git: { remote } }: ThrowawayPlatform, away: AwaySwitch, tag: string) {
  const target = { api, remote, environment: local, log };
  const edit = (text: string) => setTag(text, tag, local.releaseFile);
  await away.set(true);
  const { value, summary } = await underLoad(api, local, log, async () => {
    const { sha } = await commitFile(remote, local.releaseFile, edit, options);
    const [out, words] = await Promise.all([
      waitForTag(target, tag, sha),
      untilPullFails(api).then(async (said) => {
        await realClock.sleep(20_000);
        await away.set(false);
        return said;
      }),
      requestSync(api, local, sha, log),
    ]);
    return { out, words };
  });
  return { tag: value.out.tag, seconds: value.out.seconds, said: value.words, summary };
}

/** What the kubelet says of the registry, once it has asked it in vain. */
async function untilPullFails(api: Cluster): Promise<string> {
  const began = Date.now();
  for (; secondsSince(began) < 90; await realClock.sleep(250)) {
    const events = await api.listEvents(namespace);
    const found = events.find(
      ({ message = "", reason, lastTimestamp }) =>
        reason === "Failed" &&
        message.startsWith("Failed to pull image") &&
        new Date(lastTimestamp ?? 0).getTime() >= began - 1000,
    );
    if (found?.message) return found.message;
  }
  throw new Error("no pull has failed");
}
