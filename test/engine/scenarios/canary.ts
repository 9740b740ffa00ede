/** Progressive delivery on a node, as Flux brings it from git, with a client that sends requests all the time. */
import type { Directory } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { PIPELINE_AUTHOR } from "./delivery.js";
import { environment } from "./environments.js";
import { requestSync } from "./flux.js";
import { API } from "./fluxObjects.js";
import { commitTag } from "./git.js";
import { releaseThroughGit } from "./gitopsRelease.js";
import { images } from "./images.js";
import type { Cluster } from "./kubernetes.js";
import { startPlatform, type ThrowawayPlatform } from "./platform.js";
import { checkHttp } from "./probe.js";
import { imageRepository } from "./releaseFile.js";
import { type Log, realClock } from "./steps.js";

const local = environment("local");
/** Where Flagger says how far it is. */
export const canary = {
  apiVersion: API.Canary,
  kind: "Canary",
  namespace: local.namespace,
  name: local.helmRelease,
};

/** What an analysis ended with. */
export interface Analysis {
  readonly phase: string;
  readonly seconds: number;
  /** What Flagger said meanwhile, with seconds since the release. */
  readonly said: readonly string[];
  /** The version that users get afterwards. */
  readonly serves: string;
}

/** The repository with a release file of dev by which a pod that never gets Ready is given up soon. */
export async function givenUpSoon(source: Directory): Promise<Directory> {
  const text = await source.file(local.releaseFile).contents();
  return source.withNewFile(
    local.releaseFile,
    text.replace(/progressDeadlineSeconds: \d+/, "progressDeadlineSeconds: 20"),
  );
}

/** A platform that Flux makes of clusters/local and clusters/dev, where a pod that never gets Ready is given up soon. */
export async function openPlatform(
  source: Directory,
  log: Log,
  addons?: readonly string[],
): Promise<ThrowawayPlatform> {
  const registry = await sampleRegistry(source, await imageRepository(source, local));
  return await startPlatform({ source: await givenUpSoon(source), environment: local, registry, addons, log });
}

/** Commits a tag. */
export async function commit({ api, git }: ThrowawayPlatform, tag: string, log: Log): Promise<void> {
  const { sha } = await commitTag(git.remote, local, tag, { author: PIPELINE_AUTHOR, message: tag, log });
  await requestSync(api, local, sha, log);
}

/** Does something and waits until Flagger has judged what comes of it. */
export async function analysed(
  { api }: ThrowawayPlatform,
  ends: readonly string[],
  release: () => Promise<void>,
): Promise<Analysis> {
  const started = Date.now();
  const seconds = () => (Date.now() - started) / 1000;
  await release();
  const said = new Map<string, number>();
  const listen = async () => {
    for (const line of await sayings(api, started)) if (!said.has(line)) said.set(line, seconds());
  };
  let hasBegun = false;
  for (;;) {
    const { phase = "" } = ((await api.findObject(canary))?.status ?? {}) as { phase?: string };
    await listen();
    hasBegun ||= !ends.includes(phase);
    if (hasBegun && ends.includes(phase)) {
      const took = seconds();
      // Flagger's last word comes after the phase.
      await realClock.sleep(2000);
      await listen();
      const lines = [...said].map(([line, at]) => `${at.toFixed(0)} s: ${line}`);
      return { phase, seconds: took, said: lines, serves: await served(api) };
    }
    if (seconds() > 240)
      throw new Error(`the canary is ${phase || "not seen"} after 240 s:\n${[...said.keys()].join("\n")}`);
    await realClock.sleep(500);
  }
}

/**
 * Releases a version, takes it back in the middle of its analysis, and releases it again when Flagger is at rest: it has the
 * version's hash for promoted then.
 *
 * @param before the version that serves
 * @returns the version that serves in the end
 */
export async function wantedAgain(platform: ThrowawayPlatform, tag: string, before: string, log: Log): Promise<string> {
  const { api, git } = platform;
  const release = async (wanted: string) => {
    await releaseThroughGit({ api, remote: git.remote, environment: local, log }, wanted);
  };
  await commit(platform, tag, log);
  await untilPhase(api, "Progressing");
  await release(before);
  await untilPhase(api, "Succeeded");
  await release(tag);
  return await served(api);
}

async function untilPhase(api: Cluster, wanted: string): Promise<void> {
  const end = Date.now() + 120_000;
  for (;;) {
    const { phase } = ((await api.findObject(canary))?.status ?? {}) as { phase?: string };
    if (phase === wanted) return;
    if (Date.now() > end) throw new Error(`the canary is ${phase} and not ${wanted}`);
    await realClock.sleep(500);
  }
}

/** Flagger's events since a moment, the oldest first. */
async function sayings(api: Cluster, since: number): Promise<string[]> {
  const events = await api.listEvents(local.namespace);
  const at = (event: (typeof events)[number]) => new Date(event.lastTimestamp ?? 0).getTime();
  return events
    .filter((event) => event.involvedObject.kind === "Canary" && at(event) >= since)
    .sort((one, other) => at(one) - at(other))
    .map(({ message = "" }) => message);
}

async function served(api: Cluster): Promise<string> {
  const forward = await api.portForward(local.namespace, local.helmRelease, 8080);
  try {
    const { status, versions } = await checkHttp(forward.url);
    return `${status} ${versions.join(" ")}`;
  } finally {
    await forward.close();
  }
}

/** What a namespace of restricted pods asks for. */
const restricted = {
  securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: "RuntimeDefault" } },
};
const unprivileged = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

/** A pod that runs a script with curl and hey, in any namespace. */
export const clientPod = (name: string, script: string, namespace = local.namespace) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace },
  spec: {
    terminationGracePeriodSeconds: 0,
    ...restricted,
    containers: [
      {
        name: "client",
        image: images.flaggerLoadtester,
        imagePullPolicy: "IfNotPresent",
        securityContext: unprivileged,
        command: ["sh", "-c", script],
      },
    ],
  },
});

/** The application's Service. */
export const APP_URL = `http://${local.helmRelease}.${local.namespace}:8080/`;

// 20 requests a second, each on a connection of its own; a short report for every five seconds: the lines with what was
// answered, and how often.
const requests = `url=${APP_URL}
until curl -sf $url; do sleep 0.1; done
while :; do
  from=$(date +%T)
  hey -z 5s -q 10 -c 2 -t 5 -disable-keepalive $url | sed -nE "s/^ +(\\[[0-9]+\\].*)/$from \\1/p"
done`;

export async function startClient(api: Cluster): Promise<void> {
  await api.applyObject(clientPod("client", requests));
}

/** What the client was answered: status or error, and how often. */
export async function answersOf(api: Cluster): Promise<Record<string, number>> {
  const text = await api.podLog(
    { namespace: local.namespace, pod: "client", container: "client", previous: false },
    5000,
  );
  const answers: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [, from = "", code = "", rest = ""] = /^(\S+) \[(\d+)\]\s+(.+)/.exec(line) ?? [];
    const answered = /^(\d+) responses/.exec(rest)?.[1];
    const [name, count] = answered ? [code, answered] : [`${from} ${rest}`, code];
    if (name.trim()) answers[name] = (answers[name] ?? 0) + Number(count);
  }
  return answers;
}
