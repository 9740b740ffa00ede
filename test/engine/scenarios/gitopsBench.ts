// How long Flux takes to be ready and a commit to be out, through the pipeline and by plain scripts with the same files.
import { type Container, type Directory, dag } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { canary } from "./canary.js";
import { until } from "./cases.js";
import { startCluster, type ThrowawayCluster } from "./cluster.js";
import { environment } from "./environments.js";
import { exec, uncached } from "./exec.js";
import { fluxImages } from "./flux.js";
import type { Canary } from "./fluxObjects.js";
import { releaseThroughGit, waitForTag } from "./gitopsRelease.js";
import { images } from "./images.js";
import { startPlatform, type ThrowawayPlatform } from "./platform.js";
import { imageRepository } from "./releaseFile.js";
import type { Log } from "./steps.js";

const local = environment("local");

/** Seconds of each round. */
export type GitopsTimes = Record<
  "flux ready" | "plain flux ready" | "plain installed" | "helm ready" | "out" | "plain out",
  number[]
>;

/** Both say themselves how long they took, so that starting their container costs them nothing. */
const CLOCK = 'now() { cut -d" " -f1 /proc/uptime; }; before=$(now); ';

const PLAIN_FLUX = `${CLOCK}
kubectl apply --server-side -f /flux/flux-crds.yaml -f /flux/flux.yaml >&2 || exit
kubectl --namespace flux-system wait --for=condition=Available deployment --all --timeout=120s >&2 || exit
echo $before $(now)`;

/** Flux installs by itself: a script has only to look, for some minutes at most. */
const PLAIN_INSTALL = `
for try in $(seq 400); do
  kubectl --namespace $NAMESPACE get canary $NAME -o jsonpath='{.status.phase}' 2>/dev/null | grep -qx Initialized && break
  sleep 0.5
done
kubectl --namespace $NAMESPACE rollout status deployment $NAME-primary`;

/** What somebody types who has no pipeline: commit, push, tell Flux, and look until the promoted tag serves alone. */
const PLAIN_COMMIT = `${CLOCK}
git clone --quiet --depth 1 --branch $BRANCH https://git@$ADDRESS /tmp/work >&2 && cd /tmp/work || exit
sed -i "s/tag: \\".*\\"/tag: \\"$TAG\\"/" $FILE || exit
git -c user.name=plain -c user.email=plain@helloworld.invalid commit --quiet --all --message "$TAG" || exit
git push --quiet >&2 || exit
kubectl --namespace flux-system annotate gitrepository/flux-system reconcile.fluxcd.io/requestedAt="$(now)" --overwrite >&2
until kubectl --namespace $NAMESPACE get deployment $NAME-primary -o jsonpath='{..image}' | grep -q ":$TAG"; do sleep 0.5; done
kubectl --namespace $NAMESPACE rollout status deployment $NAME-primary >&2 || exit
images() { kubectl --namespace $NAMESPACE get pods --selector app.kubernetes.io/name=$NAME-primary -o custom-columns=:.spec.containers[0].image --no-headers; }
while images | grep -qv ":$TAG$"; do sleep 0.5; done
echo $before $(now)`;

export async function gitopsBench(source: Directory, rounds: number, log: Log): Promise<GitopsTimes> {
  const times: GitopsTimes = {
    ...{ "flux ready": [], "plain flux ready": [], "plain installed": [] },
    ...{ "helm ready": [], out: [], "plain out": [] },
  };
  const note = (name: keyof GitopsTimes, seconds: number) => {
    times[name].push(seconds);
    log(`${name}: ${seconds.toFixed(1)} s`);
  };
  const registry = await sampleRegistry(source, await imageRepository(source, local));
  for (let round = 0; round < rounds; round++) {
    const booting = Date.now();
    const cluster = await startCluster({ registry, images: fluxImages, log });
    const booted = (Date.now() - booting) / 1000;
    note("plain flux ready", booted + (await plain(withFlux(withCluster(cluster)), PLAIN_FLUX)));
    await cluster.stop();

    const started = Date.now();
    const platform = await startPlatform({ source, environment: local, registry, log });
    note("flux ready", (Date.now() - started) / 1000);
    const target = { api: platform.api, remote: platform.git.remote, environment: local, log };
    const installing = Date.now();
    await script(withCluster(platform), PLAIN_INSTALL);
    // Flux works while the script's container starts, which costs nothing here.
    note("plain installed", (Date.now() - installing) / 1000);
    await waitForTag(target, "v0.1.0");
    const committing = Date.now();
    const { release } = await releaseThroughGit(target, "v0.2.0");
    const out = (Date.now() - committing) / 1000;
    const ready = release.timeline.find(({ link, state }) => link === "HelmRelease" && state === "arrived");
    note("helm ready", out - release.seconds + (ready?.at ?? Number.NaN));
    note("out", out);
    await untilAtRest(platform);
    note("plain out", await plain(await withGit(withCluster(platform), platform, "v0.1.0"), PLAIN_COMMIT));
    await platform.stop();
  }
  return times;
}

/** Flagger still ends the pods that it has analysed, and takes no other version meanwhile. */
async function untilAtRest({ api }: ThrowawayPlatform): Promise<void> {
  const look = async () => ((await api.findObject(canary)) as Canary | undefined)?.status?.phase === "Succeeded";
  await until("Flagger is at rest", look);
}

/** git, kubectl and a shell, with the administrator's way into the cluster. */
function withCluster({ kubeconfig }: ThrowawayCluster): Container {
  return uncached(dag.container().from(images.flaggerLoadtester))
    .withUser("root")
    .withMountedSecret("/kubeconfig", dag.setSecret("plain-kubeconfig", kubeconfig))
    .withEnvVariable("KUBECONFIG", "/kubeconfig")
    .withEnvVariable("NAMESPACE", local.namespace)
    .withEnvVariable("NAME", local.helmRelease);
}

const withFlux = (container: Container) =>
  container.withMountedDirectory("/flux", dag.currentModule().source().directory("gitops"));

async function withGit(container: Container, { git }: ThrowawayPlatform, tag: string): Promise<Container> {
  const { url, branch, password, service, authority } = git.remote;
  const { hostname, host, pathname } = new URL(url);
  return container
    .withServiceBinding(hostname, service)
    .withNewFile("/authority.pem", authority)
    .withNewFile("/askpass", '#!/bin/sh\necho "$PASSWORD"\n', { permissions: 0o755 })
    .withEnvVariable("GIT_SSL_CAINFO", "/authority.pem")
    .withEnvVariable("GIT_ASKPASS", "/askpass")
    .withSecretVariable("PASSWORD", password)
    .withEnvVariable("ADDRESS", `${host}${pathname}`)
    .withEnvVariable("BRANCH", branch)
    .withEnvVariable("TAG", tag)
    .withEnvVariable("FILE", local.releaseFile);
}

/** Runs a script that prints when it began and when it was through. */
async function plain(container: Container, text: string): Promise<number> {
  const [before = 0, after = 0] = (await script(container, text)).trim().split(" ").map(Number);
  return after - before;
}

async function script(container: Container, text: string): Promise<string> {
  const { code, stdout, stderr } = await exec(container, ["sh", "-c", text]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
