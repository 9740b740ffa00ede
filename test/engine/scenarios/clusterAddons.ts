/**
 * What a platform may have besides, on a node: kube-router, which enforces the chart's NetworkPolicy, and External Secrets, which
 * makes the secret to pull the application's image with.
 */
import type { Directory } from "@dagger.io/dagger";
import type { V1DaemonSet, V1Secret } from "@kubernetes/client-node";
import { sampleRegistry } from "./app.js";
import { APP_URL, analysed, clientPod, commit } from "./canary.js";
import { collector, until } from "./cases.js";
import { environment } from "./environments.js";
import type { Cluster, ClusterObject } from "./kubernetes.js";
import { startPlatform } from "./platform.js";
import { PULL_SECRET } from "./pullSecret.js";
import type { AppRegistry } from "./registry.js";
import { imageRepository } from "./releaseFile.js";

const local = environment("local");
const { namespace } = local;
const log = (line: string) => console.log(line);

/** As what the load balancer's pods would live in, where they are pods. */
const INGRESS = "ingress";

/** In the order of its life; one result for each case. */
export async function addonCases(source: Directory): Promise<Record<string, unknown>> {
  const registry = await sampleRegistry(source, await imageRepository(source, local));
  const platform = await startPlatform({
    source: await withNetworkPolicy(source),
    environment: local,
    registry,
    addons: ["kube-router", "external-secrets"],
    log,
  });
  const { results, note } = collector();
  try {
    await note("installed", async () => (await analysed(platform, ["Initialized"], async () => undefined)).serves);
    await note("reached", () => reached(platform.api));
    await note("pull secret", () => pullSecretMade(platform.api, registry));
    // Its image is pulled with that secret; the load tester and Prometheus reach its pods through the policy.
    await note("v0.2.0", () => analysed(platform, ["Succeeded", "Failed"], () => commit(platform, "v0.2.0", log)));
  } finally {
    await platform.stop();
  }
  return results;
}

/** The working tree with dev's application closed to all but its own namespace and two others. */
async function withNetworkPolicy(source: Directory): Promise<Directory> {
  const text = await source.file(local.releaseFile).contents();
  const policy = `    networkPolicy:\n      enabled: true\n      allowedNamespaces: [monitoring, ${INGRESS}]\n`;
  return source.withNewFile(local.releaseFile, text.replace("    autoscaling:\n", `${policy}    autoscaling:\n`));
}

// --- network policy ---------------------------------------------------------------------------------------------------

const enforcer = { apiVersion: "apps/v1", kind: "DaemonSet", namespace: "kube-system", name: "kube-router" };

/** Where from the application is reached: the last answers to pods that differ in nothing but their namespaces. */
async function reached(api: Cluster): Promise<Record<string, string[]>> {
  await until("kube-router", async () => {
    const found = (await api.findObject(enforcer)) as V1DaemonSet | undefined;
    return found?.status?.numberReady === 1;
  });
  await api.ensureNamespace(INGRESS);
  const from = [namespace, INGRESS, "default"];
  for (const place of from) await api.applyObject(clientPod("knock", knock, place));
  const answers: Record<string, string[]> = {};
  for (const place of from) answers[place] = await until("ten answers", () => lastAnswers(api, place));
  return answers;
}

/** One line a second: the answers of the application, of Prometheus, and of the API server, which is open to all. */
const knock = `
status() { curl -sk -o /dev/null -m 3 -w '%{http_code}' "$1"; }
while :; do
  prometheus=$(status http://kube-prometheus-stack-prometheus.monitoring:9090/-/ready)
  echo "$(status ${APP_URL}healthz) $prometheus $(status https://kubernetes.default/livez)"
  sleep 1
done`;

/** What the last three of ten answers were: the rules for a new pod come a moment after it. */
async function lastAnswers(api: Cluster, place: string): Promise<string[] | false> {
  const source = { namespace: place, pod: "knock", container: "client", previous: false };
  // Before the pod has started there is no log.
  const lines = (await api.podLog(source, 100).catch(() => "")).split("\n").filter(Boolean);
  return lines.length >= 10 && [...new Set(lines.slice(-3))];
}

// --- External Secrets -------------------------------------------------------------------------------------------------

/** Where the registry's log-in lies in the store, as it would in AWS Secrets Manager. */
const KEY = "local-helloworld/ghcr";

/** The store with the name that it has on EKS; what it holds is its own. */
const storeOf = (value: string): ClusterObject => ({
  apiVersion: "external-secrets.io/v1",
  kind: "ClusterSecretStore",
  metadata: { name: "aws-secrets-manager" },
  spec: { conditions: [{ namespaces: [namespace] }], provider: { fake: { data: [{ key: KEY, value }] } } },
});

const pullSecret = (host: string): ClusterObject => ({
  apiVersion: "external-secrets.io/v1",
  kind: "ExternalSecret",
  metadata: { name: PULL_SECRET, namespace },
  spec: {
    refreshInterval: "1h",
    secretStoreRef: { kind: "ClusterSecretStore", name: "aws-secrets-manager" },
    target: {
      name: PULL_SECRET,
      template: {
        type: "kubernetes.io/dockerconfigjson",
        data: {
          ".dockerconfigjson": `{"auths":{"${host}":{"auth":"{{ printf "%s:%s" .username .password | b64enc }}"}}}`,
        },
      },
    },
    dataFrom: [{ extract: { key: KEY } }],
  },
});

/** The pull secret that External Secrets makes in place of the pipeline's. */
async function pullSecretMade(api: Cluster, { host, username, password }: AppRegistry) {
  const secret = { apiVersion: "v1", kind: "Secret", namespace, name: PULL_SECRET };
  await api.deleteObject(secret);
  await api.applyObject(storeOf(JSON.stringify({ username, password: await password?.plaintext() })));
  await api.applyObject(pullSecret(host));
  const made = await until("the pull secret", async () => ((await api.findObject(secret)) as V1Secret) ?? false);
  const owners = made.metadata?.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`);
  return { type: made.type, keys: Object.keys(made.data ?? {}), owners };
}
