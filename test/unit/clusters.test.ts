import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { isScalar, parse, parseAllDocuments, parseDocument, visit } from "yaml";
import { images } from "../../pipeline/src/images.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");
const chart = parse(read("appManifests/values.yaml"));
const seconds = (duration: string) => Number.parseInt(duration, 10) * (duration.endsWith("m") ? 60 : 1);

describe.each(["dev", "prod"])("clusters/%s", (environment) => {
  const folder = `clusters/${environment}`;
  const object = (file: string) => parse(read(`${folder}/${file}`));
  const release = object("release.yaml");
  const source = object("gitrepository.yaml");
  const namespace = object("namespace.yaml");

  test("the kustomization lists every other file", () => {
    const files = readdirSync(root + folder).filter((name) => name !== "kustomization.yaml");
    const { resources, patches = [] } = object("kustomization.yaml");
    const patchFiles = patches.flatMap(({ path }: { path?: string }) => path ?? []);
    expect([...resources, ...patchFiles].sort()).toEqual(files.sort());
  });

  test("every file holds one object and parses without a warning", () => {
    for (const name of readdirSync(root + folder)) {
      const document = parseDocument(read(`${folder}/${name}`));
      expect([...document.errors, ...document.warnings], name).toEqual([]);
    }
  });

  test("release.yaml names exactly one image tag: quoted, vMAJOR.MINOR.PATCH", () => {
    const tags: { value: unknown; type: unknown }[] = [];
    visit(parseDocument(read(`${folder}/release.yaml`)), {
      Pair(_, pair) {
        if (isScalar(pair.key) && pair.key.value === "tag" && isScalar(pair.value)) {
          tags.push({ value: pair.value.value, type: pair.value.type });
        }
      },
    });
    expect(tags).toEqual([{ value: release.spec.values.image.tag, type: "QUOTE_DOUBLE" }]);
    expect(release.spec.values.image.tag).toMatch(/^v\d+\.\d+\.\d+$/);
    expect(release.spec.values.image.digest, "a digest would be a second truth").toBeUndefined();
  });

  test("everything is in the namespace helloworld", () => {
    expect(namespace.metadata.name).toBe("helloworld");
    expect(release.metadata.namespace).toBe("helloworld");
    expect(source.metadata.namespace).toBe("helloworld");
  });

  test("the namespace admits restricted pods only, and is never pruned", () => {
    expect(namespace.metadata.labels["pod-security.kubernetes.io/enforce"]).toBe("restricted");
    expect(namespace.metadata.annotations["kustomize.toolkit.fluxcd.io/prune"]).toBe("disabled");
  });

  test("the release takes the chart of this repository from the source beside it", () => {
    expect(release.spec.chart.spec.chart).toBe("./appManifests");
    expect(release.spec.chart.spec.sourceRef).toEqual({ kind: "GitRepository", name: source.metadata.name });
    expect(release.spec.chart.spec.reconcileStrategy).toBe("Revision");
    expect(source.spec.ignore.trim().split("\n")).toEqual(["/*", "!/appManifests"]);
    expect(source.spec.interval).toBe("1m");
  });

  test("a failed upgrade goes back, drift is undone, and replicas are left to their owner", () => {
    expect(release.spec.upgrade.strategy.name).toBe("RemediateOnFailure");
    expect(release.spec.upgrade.remediation).toMatchObject({ strategy: "rollback", remediateLastFailure: true });
    expect(release.spec.upgrade.remediation.retries).toBeGreaterThan(0);
    expect(release.spec.driftDetection.mode).toBe("enabled");
    expect(release.spec.driftDetection.ignore).toEqual([{ paths: ["/spec/replicas"], target: { kind: "Deployment" } }]);
  });

  test("what Flagger judges holds no later commit up", () => {
    expect(release.spec.upgrade.disableWait).toBe(release.spec.values.canary.enabled);
  });

  test("a new version is analysed before it gets users' requests, on samples enough", () => {
    const { canary, serviceMonitor } = release.spec.values;
    expect(canary.enabled).toBe(true);
    // Flagger takes 10s for anything shorter.
    expect(seconds(canary.interval)).toBeGreaterThanOrEqual(10);
    expect(serviceMonitor.enabled).toBe(true);
    const scrape = seconds(serviceMonitor.interval ?? chart.serviceMonitor.interval);
    expect(seconds(canary.metrics.interval)).toBeGreaterThanOrEqual(4 * scrape);
    // The load from before the first check is still in its window.
    expect(seconds(canary.metrics.interval)).toBeGreaterThan(seconds(canary.interval));
  });
});

test("prod follows a branch of its own, and Flux itself the one that the chart comes from", () => {
  const branch = (environment: string) => parse(read(`clusters/${environment}/gitrepository.yaml`)).spec.ref.branch;
  expect([branch("dev"), branch("prod")]).toEqual(["main", "prod"]);
  const table = [...read("terraform/main.tf").matchAll(/git_ref = "refs\/heads\/(.*?)"/g)].map(([, ref]) => ref);
  expect(table).toEqual([branch("dev"), branch("prod")]);
});

test("prod scales by load and outlasts slow load balancers", () => {
  const { values } = parse(read("clusters/prod/release.yaml")).spec;
  expect(values.autoscaling.enabled).toBe(true);
  expect(values.autoscaling.minReplicas).toBeGreaterThan(1);
  expect(values.preStopSleepSeconds).toBeGreaterThanOrEqual(15);
  expect(values.terminationGracePeriodSeconds).toBeGreaterThan(values.preStopSleepSeconds);
});

describe("clusters/optional/dagger-engine", () => {
  const folder = "clusters/optional/dagger-engine";
  const object = (file: string) => parse(read(`${folder}/${file}`));

  test("is the engine of the CLI's version", () => {
    const { engineVersion } = parse(read("dagger.json"));
    expect(`v${object("source.yaml").spec.ref.tag}`).toBe(engineVersion);
    expect(images.daggerEngine).toBe(`registry.dagger.io/engine:${engineVersion}`);
  });

  test("the kustomization lists every other file", () => {
    const files = readdirSync(root + folder).filter((name) => name !== "kustomization.yaml");
    expect([...object("kustomization.yaml").resources].sort()).toEqual(files.sort());
  });

  test("lets nobody at the engine's port but pods that say they are clients", () => {
    const [rule] = object("networkpolicy.yaml").spec.ingress;
    expect(rule.ports).toEqual([{ port: object("release.yaml").spec.values.engine.port }]);
    expect(rule.from[0].podSelector.matchLabels).toEqual({ "dagger.io/client": "true" });
  });
});

test("the policies that the node enforces are those that Terraform makes", () => {
  const text = read("clusters/local/addons/kube-router/networkpolicies.yaml");
  const policies = parseAllDocuments(text).map((document) => document.toJS());
  const namesOf = (kind: object) => Object.values(kind).flatMap((labels) => Object.values(labels as object));
  const found = policies.map(({ metadata, spec }) => ({
    name: `${metadata.namespace}/${metadata.name}`,
    to: Object.values(spec.podSelector.matchLabels ?? {}),
    from: spec.ingress[0].from.map((peer: Record<string, { matchLabels?: object }>) =>
      Object.values(peer).flatMap((selector) => namesOf(selector)),
    ),
    ports: (spec.ingress[0].ports ?? []).map(({ port }: { port: number }) => port),
  }));
  const terraform = (path: string) => read(`terraform/${path}/main.tf`).replaceAll(/\s+/g, " ");
  const ownNamespace = { to: [], from: [[]], ports: [] };
  expect(terraform("modules/namespace")).toContain(
    'pod_selector {} policy_types = ["Ingress"] ingress { from { pod_selector {} } }',
  );

  expect(terraform("modules/prometheus")).toContain(
    'queries = { pod_labels = { "app.kubernetes.io/name" = "prometheus" } from_namespaces = var.client_namespaces from_cidrs = [] ports = [9090] }',
  );
  expect(terraform("stacks/viney-infra")).toMatch(/client_namespaces = .*\["flagger", var\.application_namespace\]/);
  const flagger = terraform("modules/flagger");
  expect(flagger).toContain('metrics = { from_namespaces = ["monitoring"] ports = [8080] }');
  expect(flagger).toContain(
    'match_labels = { app = "loadtester" } } policy_types = ["Ingress"] ingress { from { namespace_selector { match_labels = { "kubernetes.io/metadata.name" = local.namespace } } pod_selector { match_labels = { "app.kubernetes.io/name" = "flagger" } } } ports { port = 8080',
  );
  expect(found).toEqual([
    { name: "monitoring/own-namespace-only", ...ownNamespace },
    { name: "monitoring/queries", to: ["prometheus"], from: [["flagger"], ["helloworld"]], ports: [9090] },
    { name: "flagger/own-namespace-only", ...ownNamespace },
    { name: "flagger/metrics", to: [], from: [["monitoring"]], ports: [8080] },
    { name: "helloworld/flagger-loadtester", to: ["loadtester"], from: [["flagger", "flagger"]], ports: [8080] },
  ]);
});
