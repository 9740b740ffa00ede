/** A version's way through a gateway, on a node with clusters/local/addons/traefik: users get it step by step. */
import type { Directory } from "@dagger.io/dagger";
import { type Analysis, analysed, canary, clientPod, commit, openPlatform } from "./canary.js";
import { collector, until } from "./cases.js";
import { environment } from "./environments.js";
import type { Cluster, ClusterObject } from "./kubernetes.js";
import type { ThrowawayPlatform } from "./platform.js";
import { realClock } from "./steps.js";

const local = environment("local");
const { namespace, helmRelease } = local;
const log = (line: string) => console.log(line);

const HOST = "helloworld.example.com";
/** Flagger's, by which it tells the gateway how much of the traffic the new version gets. */
const route = { apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", namespace, name: helmRelease };

/** In the order of its life; one result for each case. */
export async function gatewayCases(source: Directory): Promise<Record<string, unknown>> {
  const platform = await openPlatform(await withGateway(source), log, ["traefik"]);
  const { results, note } = collector();
  try {
    await note("installed", async () => (await analysed(platform, ["Initialized"], async () => undefined)).serves);
    await startUser(platform.api);
    for (const tag of ["v0.2.0", "v0.9.2"]) await note(tag, () => released(platform, tag));
  } finally {
    await platform.stop();
  }
  return results;
}

/**
 * The working tree with dev's new versions brought out in three steps through the gateway. Each takes so long that its answers
 * can be told from the others', also the first, of whose interval the warm-up takes a part.
 */
async function withGateway(source: Directory): Promise<Directory> {
  const text = await source.file(local.releaseFile).contents();
  const way = [
    "provider: gatewayapi:v1",
    "stepWeight: 20",
    "maxWeight: 60",
    `gateway: {refs: [{name: public, namespace: gateway-system}], hosts: [${HOST}]}`,
  ];
  const stepped = text
    .replace("iterations: 1", way.join("\n      "))
    .replace("        interval: 20s", "        interval: 30s")
    .replace("      interval: 10s", "      interval: 20s");
  return source.withNewFile(local.releaseFile, stepped);
}

// --- users ------------------------------------------------------------------------------------------------------------

/** 20 requests a second as from outside. A line for each answer: when its second began, how often, and what. */
const requests = `
while :; do
  second=$(date +%s)
  curl -s -o /dev/null -m 5 --rate 20/s --connect-to ${HOST}:80:traefik.gateway-system:80 \
    -w '%{http_code} %header{x-app-version}\\n' 'http://${HOST}/?[1-20]' | sort | uniq -c | sed "s/^/$second /"
done`;

const user = { namespace: "default", pod: "user", container: "client", previous: false };

/** What was answered in about a second; its bounds are those of the clock's seconds. */
interface Second {
  readonly from: number;
  readonly until: number;
  readonly answers: Answers;
}

/** Status and version, and how often. */
type Answers = Record<string, number>;

async function startUser(api: Cluster): Promise<void> {
  await api.applyObject(clientPod(user.pod, requests, user.namespace));
  await until("answers through the gateway", async () => {
    // Before the pod has started there is no log.
    const all = await seconds(api).catch(() => []);
    return all.some(({ answers }) => answers["200 v0.1.0"]);
  });
}

/** All seconds but the last, which may not have ended. */
async function seconds(api: Cluster): Promise<Second[]> {
  const found = new Map<number, Answers>();
  for (const line of (await api.podLog(user, 5000)).split("\n")) {
    const [, second, count, answer = ""] = /^(\d+) +(\d+) (.*)$/.exec(line) ?? [];
    if (second) add(answersIn(found, Number(second) * 1000), answer.trim(), Number(count));
  }
  const starts = [...found.keys()];
  return [...found].slice(0, -1).map(([from, answers], index) => ({
    from,
    until: (starts[index + 1] ?? from) + 1000,
    answers,
  }));
}

function answersIn(found: Map<number, Answers>, second: number): Answers {
  const answers = found.get(second) ?? {};
  found.set(second, answers);
  return answers;
}

const add = (answers: Answers, answer: string, count: number) => {
  answers[answer] = (answers[answer] ?? 0) + count;
};

const sum = (all: readonly Second[]): Answers => {
  const total: Answers = {};
  for (const { answers } of all) for (const [answer, count] of Object.entries(answers)) add(total, answer, count);
  return total;
};

// --- a release --------------------------------------------------------------------------------------------------------

/** How long the analysis stood still, and what users were answered meanwhile. */
interface Step {
  readonly phase: string;
  /** The new version's share of the traffic, in percent. */
  readonly weight: number;
  readonly answers: Answers;
}

/** A release, step by step; `all` is what users were answered in all, also between the steps. */
async function released(platform: ThrowawayPlatform, tag: string): Promise<Analysis & { steps: Step[]; all: Answers }> {
  const { api } = platform;
  const started = Date.now();
  const watch = new AbortController();
  const ended = analysed(platform, ["Succeeded", "Failed"], () => commit(platform, tag, log))
    // Users go on being answered the same, if all is well.
    .then((analysis) => realClock.sleep(10_000).then(() => analysis))
    .finally(() => watch.abort());
  const [analysis, seen] = await Promise.all([ended, standings(api, watch.signal)]);
  const all = (await seconds(api)).filter(({ from }) => from >= started);
  const steps = seen.map((standing) => ({
    phase: standing.phase,
    weight: standing.weight,
    answers: sum(all.filter((second) => isWithin(second, standing))),
  }));
  return { ...analysis, steps, all: sum(all) };
}

/** For how long the analysis stood at a weight. */
interface Standing {
  readonly phase: string;
  readonly weight: number;
  readonly from: number;
  until: number;
}

/** Traefik takes a change at once, or 2 s after the one before. */
const GATEWAY_DELAY_MS = 2500;
/** What is seen has been so for less than this. */
const LOOK_MS = 500;

const isWithin = (second: Second, standing: Standing) =>
  second.from >= standing.from + GATEWAY_DELAY_MS && second.until <= standing.until - LOOK_MS;

/** Follows Flagger until it is told to stop. */
async function standings(api: Cluster, signal: AbortSignal): Promise<Standing[]> {
  const seen: Standing[] = [];
  while (!signal.aborted) {
    const [{ status }, { spec }] = (await Promise.all([found(api, canary), found(api, route)])) as [
      { status?: { phase?: string } },
      { spec: { rules: { backendRefs: { name: string; weight: number }[] }[] } },
    ];
    const backends = spec.rules.flatMap(({ backendRefs }) => backendRefs);
    const weight = backends.find(({ name }) => name === `${helmRelease}-canary`)?.weight ?? 0;
    const phase = status?.phase ?? "";
    const last = seen.at(-1);
    const now = Date.now();
    if (last?.phase === phase && last.weight === weight) last.until = now;
    else seen.push({ phase, weight, from: now, until: now });
    await realClock.sleep(LOOK_MS / 2);
  }
  return seen;
}

async function found(api: Cluster, reference: typeof route): Promise<ClusterObject> {
  const object = await api.findObject(reference);
  if (!object) throw new Error(`There is no ${reference.kind} ${reference.name}.`);
  return object;
}
