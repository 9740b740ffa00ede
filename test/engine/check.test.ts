// What a commit must pass, and what a broken one is told: all of it, with file and line. As a user calls it where it passes, where
// much fails at once, and where the module's own schemas are asked; else in a session of this process, which is quicker.
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Directory, dag } from "@dagger.io/dagger";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { helmContainer, lintChart, renderChart, renderVariants } from "../../pipeline/src/chart.js";
import { check } from "../../pipeline/src/check.js";
import { environment } from "../../pipeline/src/environments.js";
import { images } from "../../pipeline/src/images.js";
import { describeError } from "../../pipeline/src/steps.js";
import { kubeconfig } from "../fixtures/kubeconfig.js";
import { type Changes, copyWith, sourceWith } from "./copyWith.js";
import { call, daggerw, repository } from "./daggerw.js";
import { openSession } from "./session.js";

const release = "clusters/dev/release.yaml";
const names = ["release files", "lint chart", "validate manifests", "lint workflows", "lint scripts"];

let closeSession: () => Promise<void>;

beforeAll(async () => {
  closeSession = await openSession();
});

afterAll(() => closeSession?.());

/** The message with which work on a faulty copy fails. */
async function failure(work: (source: Directory) => Promise<unknown>, changes: Changes) {
  const result = await work(sourceWith(changes)).then(String, (error: Error) => error);
  if (!(result instanceof Error)) throw new Error(`it passed: ${result}`);
  return result.message;
}

const rendered = async (source: Directory) => await (await renderChart(source, environment("dev"))).contents();
const checked = (source: Directory) => check(source, () => {});

describe("check", () => {
  it("passes for this repository, with one line for each check", async () => {
    const { exitCode, stdout } = await call("check");
    expect(exitCode).toBe(0);
    for (const name of names) {
      expect(stdout).toMatch(new RegExp(`\\| ${name} +\\| passed`));
    }
  });

  it("reports every fault at once: release files, chart, a Flux object, a kustomization, a workflow, a script", async () => {
    const source = copyWith({
      [release]: (text) => text.replace('tag: "v0.1.0"', 'tag: "v0.1.0'),
      "clusters/prod/release.yaml": (text) => text.replace("maxReplicas: 10", "maxReplicas: ten"),
      "clusters/prod/gitrepository.yaml": (text) => text.replace("interval:", "intervall:"),
      "clusters/prod/kustomization.yaml": (text) => text.replace("namespace.yaml", "name.yaml"),
      "appManifests/ci/hpa-values.yaml": (text) => `${text}\nunknownValue: 1\n`,
      ".github/workflows/pull-request.yml": (text) => text.replace("runs-on:", "runs-at:"),
      daggerw: (text) => `${text}\nrm $unquoted/*\n`,
    });
    const { exitCode, stderr } = await call("--source", source, "check");
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/clusters\/dev\/release\.yaml:57:12: broken YAML/);
    expect(stderr).toMatch(/helm lint with the values of clusters\/prod\/release\.yaml:\n.*\/autoscaling\/maxReplicas/);
    expect(stderr).toMatch(/helm lint with appManifests\/ci\/hpa-values\.yaml:\n.*unknownValue/);
    expect(stderr).toMatch(/clusters\/prod\/gitrepository\.yaml: GitRepository helloworld.*intervall/);
    expect(stderr).toContain("clusters/prod/kustomization.yaml does not list namespace.yaml");
    expect(stderr).toContain("clusters/prod/kustomization.yaml lists name.yaml, which is not there");
    expect(stderr).toMatch(/pull-request\.yml:\d+:\d+: .*runs-at/);
    expect(stderr).toMatch(/daggerw:\d+:\d+: .*SC2/);
    for (const name of names) expect(stderr).toMatch(new RegExp(`\\| ${name} +\\| failed`));
  });

  it("refuses upgrades that neither Helm waits for nor Flagger judges", async () => {
    const said = await failure(checked, {
      [release]: (text) => text.replace("    canary:\n      enabled: true", "    canary:\n      enabled: false"),
    });
    expect(said).toContain(`${release}: spec.upgrade.disableWait is true, and spec.values.canary.enabled is not`);
    expect(said).not.toContain("clusters/prod");
  });

  it("says where a kustomization is broken, and that one is missing", async () => {
    const said = await failure(checked, {
      "clusters/dev/kustomization.yaml": (text) => text.replace("- release.yaml", '- "release.yaml'),
      "clusters/prod/kustomization.yaml": () => undefined,
    });
    expect(said).toMatch(/clusters\/dev\/kustomization\.yaml:\d+:\d+: broken YAML/);
    expect(said).toContain("clusters/prod/kustomization.yaml is missing");
  });

  it("looks into files of every ending, and takes an empty document for nothing but an empty file for a fault", async () => {
    const source = copyWith({
      "clusters/dev/namespace.yaml": (text) => `# a note\n---\n${text}`,
      "clusters/prod/namespace.yaml": () => "",
      "clusters/prod/extra.yml": () => "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: 1}\n",
      ".github/workflows/extra.yaml": () =>
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: ls $x\n",
    });
    const { exitCode, stderr } = await call("--source", source, "check");
    expect(exitCode).not.toBe(0);
    expect(stderr).not.toContain("clusters/dev");
    expect(stderr).toContain("clusters/prod/namespace.yaml: holds no resource");
    expect(stderr).toMatch(/clusters\/prod\/extra\.yml: ConfigMap extra: .*\/data/);
    expect(stderr).toMatch(/extra\.yaml:6:\d+: .*SC2086/);
  });

  it("looks into subfolders too, whose files a kustomization lists by their paths, and at what no environment uses", async () => {
    const configMap = (data: string) => () =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: ${data}\n`;
    const source = copyWith({
      "clusters/dev/kustomization.yaml": (text) => `${text}  - more/listed.yaml\n  - whole\n  - gone\n`,
      "clusters/dev/more/listed.yaml": configMap("{a: 1}"),
      "clusters/dev/more/unlisted.yaml": configMap('{a: "1"}'),
      "clusters/dev/whole/part.yml": configMap("{b: 2}"),
      "appManifests/templates/ingress.yaml": (text) => text.replace("pathType:", "pathtype:"),
    });
    const { exitCode, stderr } = await call("--source", source, "check");
    expect(exitCode).not.toBe(0);
    expect(stderr.match(/clusters\/dev\/kustomization\.yaml .*/g)?.slice(0, 4)).toEqual([
      "clusters/dev/kustomization.yaml does not list more/unlisted.yaml: Flux would not apply it.",
      "clusters/dev/kustomization.yaml does not list whole/part.yml: Flux would not apply it.",
      "clusters/dev/kustomization.yaml lists whole, which is a folder: list its files.",
      "clusters/dev/kustomization.yaml lists gone, which is not there.",
    ]);
    expect(stderr).toMatch(/clusters\/dev\/more\/listed\.yaml: ConfigMap extra: .*\/data/);
    expect(stderr).toMatch(/clusters\/dev\/whole\/part\.yml: ConfigMap extra: .*\/data/);
    expect(stderr).toMatch(/the chart as rendered for ci\/ingress-values: Ingress helloworld: .*pathType/);
  });

  it("passes for a patch and an ExternalSecret, and says for whose kinds there are no schemas", async () => {
    const source = copyWith({
      "clusters/dev/kustomization.yaml": (text) =>
        `${text}  - more/database.yaml\n  - certificate.yaml\npatches:\n  - path: more/patch.yaml\n`,
      "clusters/dev/more/patch.yaml": () =>
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: helloworld}\nspec: {timeout: 6m}\n",
      "clusters/dev/more/database.yaml": () =>
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: database, namespace: helloworld}\n" +
        "spec: {secretStoreRef: {kind: ClusterSecretStore, name: aws-secrets-manager}, dataFrom: [{extract: {key: database}}]}\n",
      // Flux takes a file of several documents, too.
      "clusters/dev/gitrepository.yaml": (text) =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: beside, namespace: helloworld}\n---\n${text}`,
      "clusters/dev/certificate.yaml": () =>
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: helloworld}\nspec: {}\n",
    });
    const { exitCode, stdout, stderr } = await call("--source", source, "check");
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(
      /validate manifests +\| passed +\|[^|]*\| \d+ resources; not checked: Certificate \(clusters\/dev\/certificate\.yaml\) /,
    );
  });

  it("refuses a misspelt kind, a repository by ssh, and what of kustomize is not supported", async () => {
    const source = copyWith({
      "clusters/dev/kustomization.yaml": (text) =>
        `${text}  - web.yaml\n  - ../base\ncomponents: [more]\npatches:\n  - path: gone.yaml\n`,
      "clusters/dev/web.yaml": () => "apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: web}\n",
      "clusters/dev/gitrepository.yaml": (text) => text.replace("https://", "ssh://git@"),
    });
    const { exitCode, stderr } = await call("--source", source, "check");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("clusters/dev/web.yaml: Deploymnt web: there is no schema of apps/v1 Deploymnt");
    expect(stderr).toMatch(/clusters\/dev\/gitrepository\.yaml:\d+:8: spec\.url is ssh:\/\/github\.com\//);
    expect(stderr).toContain("clusters/dev/kustomization.yaml lists ../base, which is not supported here");
    expect(stderr).toContain("clusters/dev/kustomization.yaml lists gone.yaml, which is not there");
    expect(stderr).toContain("clusters/dev/kustomization.yaml has components, which are not supported here");
  });

  it.each([
    [
      "no image tag",
      (text: string) => text.replace(/ {6}tag: .*\n/, "      x: 1\n"),
      "spec.values.image.tag is missing",
    ],
    [
      "a value that breaks the schema",
      (text: string) => text.replace("minReplicas: 1", "minReplicas: one"),
      "minReplicas",
    ],
    [
      "another namespace",
      (text: string) => text.replace("  releaseName:", "  targetNamespace: other\n  releaseName:"),
      "namespace other",
    ],
    ["another chart", (text: string) => text.replace("./appManifests", "./charts/other"), "the chart ./charts/other"],
    ["an unknown value", (text: string) => text.replace("minReplicas: 1", "replicas: 1"), "replicas"],
  ])("refuses a release file with %s", async (_, change, message) => {
    const said = await failure(checked, { [release]: change });
    expect(said).toContain("clusters/dev/release.yaml");
    expect(said).toContain(message);
  });
});

describe("lint-chart", () => {
  it("lints with every set of values", async () => {
    expect(await call("lint-chart")).toMatchObject({ exitCode: 0, stdout: "with 9 sets of values" });
  });

  it("names every set of values that breaks the schema, and only those", async () => {
    const said = await failure(lintChart, {
      [release]: (text) => text.replace("minReplicas: 1", "minReplicas: one"),
      "appManifests/ci/ingress-values.yaml": (text) => `${text}\nreplicaCount: two\n`,
    });
    expect(said.match(/helm lint with .*/g)).toEqual([
      "helm lint with appManifests/ci/ingress-values.yaml:",
      `helm lint with the values of ${release}:`,
    ]);
    expect(said).toContain("Next: ");
  });

  it("fails for values that the chart itself refuses, which helm lint alone lets pass", async () => {
    const said = await failure(lintChart, {
      "clusters/prod/release.yaml": (text) => text.replace("minReplicas: 3", "minReplicas: 30"),
    });
    expect(said).toMatch(/helm template with the values of clusters\/prod\/release\.yaml:\n.*minReplicas \(30\)/);
  });

  it("judges an environment's values in its own namespace", async () => {
    const shut = (prometheus: string) => ({
      "clusters/prod/release.yaml": (text: string) =>
        text
          .replace("allowedNamespaces:\n        - monitoring", "allowedNamespaces: []")
          .replace(
            "      metrics:\n",
            `      metrics:\n        prometheusAddress: http://prometheus.${prometheus}:9090\n`,
          ),
    });
    expect(await lintChart(sourceWith(shut("helloworld")))).toBe("with 9 sets of values");
    expect(await failure(lintChart, shut("default"))).toContain(
      "networkPolicy.enabled lets in only pods of helloworld, so",
    );
  });

  it("fails for a template that can't be read", async () => {
    const said = await failure(lintChart, { "appManifests/templates/service.yaml": (text) => `${text}\n{{ if }}\n` });
    expect(said).toContain("service.yaml");
  });
});

/** Values with the canary on. */
const canary = (values: object, more: object = {}) => ({
  autoscaling: { enabled: true },
  canary: { enabled: true, ...values },
  ...more,
});
const shut = { networkPolicy: { enabled: true } };
const open = (...namespaces: string[]) => ({ networkPolicy: { enabled: true, allowedNamespaces: namespaces } });

/** Values with a canary whose version users get by a gateway. */
const behindGateway = (more: object, ref: object = {}) =>
  canary(
    { provider: "gatewayapi:v1", gateway: { refs: [{ name: "public", namespace: "gateway-system", ...ref }] } },
    more,
  );

/** Values that the schema lets pass, and what the chart says to them. */
const combinations: Record<string, [values: object, refusal?: string]> = {
  "a sleep that outlasts the pod": [
    { preStopSleepSeconds: 30 },
    "terminationGracePeriodSeconds (30) must be greater than preStopSleepSeconds (30)",
  ],
  "more pods at least than at most": [
    { autoscaling: { enabled: true, minReplicas: 7 } },
    "autoscaling.minReplicas (7) must not be greater than autoscaling.maxReplicas (6)",
  ],
  "an autoscaler that looks at nothing": [
    { autoscaling: { enabled: true, targetCPUUtilizationPercentage: 0 } },
    "autoscaling.enabled needs autoscaling.targetCPUUtilizationPercentage or",
  ],
  "a share of no CPU": [
    { autoscaling: { enabled: true }, resources: { requests: { cpu: null } } },
    "is a share of resources.requests.cpu, which is not set",
  ],
  "a share of no memory": [
    {
      autoscaling: { enabled: true, targetMemoryUtilizationPercentage: 80 },
      resources: { requests: { memory: null } },
    },
    "is a share of resources.requests.memory, which is not set",
  ],
  "a canary without an autoscaler": [{ canary: { enabled: true } }, "canary.enabled needs autoscaling.enabled"],
  "a canary behind no gateway": [
    canary({ provider: "gatewayapi:v1" }),
    "canary.provider gatewayapi:v1 needs at least one canary.gateway.refs",
  ],
  "a canary whose gateways are taken away": [
    canary({ provider: "gatewayapi:v1", gateway: null }),
    "canary.provider gatewayapi:v1 needs at least one canary.gateway.refs",
  ],
  "an autoscaler of pods without resources": [
    { autoscaling: { enabled: true }, resources: null },
    "is a share of resources.requests.cpu, which is not set",
  ],
  "an analysis of a canary that nobody asks": [
    canary({ loadTester: { enabled: false } }),
    "canary.metrics.enabled needs canary.loadTester.enabled with canary.provider kubernetes",
  ],
  "a scrape that outlasts its interval": [
    { serviceMonitor: { enabled: true, scrapeTimeout: "16s" } },
    "serviceMonitor.scrapeTimeout (16s) must not be longer than serviceMonitor.interval (15s)",
  ],
  "checks that Flagger makes more rarely": [canary({ interval: "9s" }), "canary.interval (9s) must be at least 10s"],
  "a window without the load before it": [
    canary({ interval: "1m" }),
    "canary.metrics.interval (1m) must be longer than canary.interval (1m)",
  ],
  "a window of few samples": [
    canary({}, { serviceMonitor: { enabled: true, interval: "16s" } }),
    "canary.metrics.interval (1m) must be at least four times serviceMonitor.interval (16s)",
  ],
  "a policy that shuts Prometheus out": [
    canary({}, shut),
    "networkPolicy.enabled lets in only pods of default, so the Prometheus of canary.metrics.prometheusAddress (http",
  ],
  "a policy that lets others in than Prometheus": [
    canary({}, open("ingress")),
    "networkPolicy.enabled lets in only pods of default, ingress, so the Prometheus of",
  ],
  "a policy that shuts a Prometheus of nowhere out": [
    canary({ metrics: { prometheusAddress: "https://prometheus.example.com/" } }, shut),
    "could not scrape the pods: add its namespace to networkPolicy.allowedNamespaces",
  ],
  "a policy that shuts the gateway out": [
    behindGateway(open("monitoring")),
    "networkPolicy.enabled lets in only pods of default, monitoring, and would shut out the gateway of canary.gateway.refs",
  ],
  "a test that Flux does not wait for": [
    canary({ interval: "81s", metrics: { enabled: false } }),
    "canary.interval (81s) must not be longer than 80s with tests.enabled",
  ],
  "more memory than the limit": [
    { resources: { requests: { memory: "65Mi" } } },
    "resources.requests.memory (65Mi) must not be greater than resources.limits.memory (64Mi)",
  ],
  "more memory in another unit": [
    { resources: { requests: { memory: "1G" }, limits: { memory: "953Mi" } } },
    "resources.requests.memory (1G) must not be greater than resources.limits.memory (953Mi)",
  ],
  "more CPU than the limit": [
    { resources: { requests: { cpu: "1.5" }, limits: { cpu: "1499m" } } },
    "resources.requests.cpu (1.5) must not be greater than resources.limits.cpu (1499m)",
  ],
  "a variable twice": [
    {
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "1" },
        { name: "A", value: "2" },
      ],
    },
    "env must name A only once",
  ],
  "a policy that shuts the ALB out": [
    { ...shut, ingress: { enabled: true } },
    "add their address ranges to networkPolicy.allowedCIDRs",
  ],
  "times that just fit": [
    canary(
      { interval: "10s", metrics: { interval: "12s" } },
      { serviceMonitor: { enabled: true, interval: "3s", scrapeTimeout: "3s" } },
    ),
  ],
  "times that nobody looks at": [
    canary(
      { interval: "2m", metrics: { enabled: false } },
      { serviceMonitor: { scrapeTimeout: "1m" }, tests: { enabled: false } },
    ),
  ],
  "a test that Flux just waits for": [canary({ interval: "80s", metrics: { enabled: false } })],
  "a Prometheus that is let in": [canary({}, open("ingress", "monitoring"))],
  "a Prometheus by its addresses": [canary({}, { networkPolicy: { enabled: true, allowedCIDRs: ["10.0.0.0/16"] } })],
  "a Prometheus of nowhere": [
    canary({ metrics: { prometheusAddress: "https://prometheus.example.com/" } }, open("monitoring")),
  ],
  "a gateway that is let in": [behindGateway(open("monitoring", "ingress"))],
  "a gateway by its addresses": [behindGateway({ networkPolicy: { enabled: true, allowedCIDRs: ["10.0.0.0/16"] } })],
  "a gateway beside Prometheus": [behindGateway(open("monitoring"), { namespace: "monitoring" })],
  "a gateway in the same namespace": [behindGateway(open("monitoring"), { namespace: "default" })],
  "all that the limits allow": [
    {
      resources: {
        requests: { cpu: "0.5", memory: "1Gi", "ephemeral-storage": "1k" },
        limits: { cpu: "500m", memory: "1024Mi" },
      },
    },
  ],
  "requests without limits": [{ resources: { limits: null } }],
  "a Prometheus in the same namespace": [
    canary({ metrics: { prometheusAddress: "http://prometheus.default.svc:9090" } }, shut),
  ],
  "a Prometheus by its Service's name": [canary({ metrics: { prometheusAddress: "http://prometheus:9090" } }, shut)],
  "another Ingress than an ALB": [{ ...shut, ingress: { enabled: true, className: "nginx" } }],
  "no Ingress's values": [{ ...shut, ingress: null }],
  "no annotations": [{ podAnnotations: null }],
  "a canary that nobody asks, nor measures": [canary({ loadTester: { enabled: false }, metrics: { enabled: false } })],
  "a canary that nobody asks, nor analyses": [canary({ loadTester: { enabled: false }, skipAnalysis: true })],
  "a canary that users ask": [
    canary({
      ...{ provider: "gatewayapi:v1", loadTester: { enabled: false } },
      gateway: { refs: [{ name: "public", namespace: "gateway-system" }] },
    }),
  ],
};

it("the chart refuses values that don't fit together, and says which and what to do", async () => {
  const fileOf = (name: string) => `appManifests/ci/${name.replaceAll(/\W/g, "-")}-values.yaml`;
  const chart = dag.host().directory(repository, { include: ["appManifests"], exclude: ["appManifests/ci"] });
  const source = Object.entries(combinations).reduce(
    (folder, [name, [values]]) => folder.withNewFile(fileOf(name), JSON.stringify(values)),
    chart,
  );
  const said = await renderVariants(source).then(String, (error: Error) => error.message);
  const saidOf = (name: string) => said.split("helm template with ").find((part) => part.startsWith(fileOf(name)));
  for (const [name, [, refusal]] of Object.entries(combinations))
    expect({ name, said: saidOf(name) }).toEqual({ name, said: refusal && expect.stringContaining(refusal) });
});

type Rendered = { [key: string]: Rendered } & Rendered[];

/** Values, and what the chart makes of them: the first object of a kind, where need be with all others. */
const parts: Record<
  string,
  [values: object, kind: string, part: (object: Rendered, all: Rendered[]) => unknown, is: unknown]
> = {
  "Services of a canary lead to each pod's own port": [
    canary({}, { containerPort: 9000 }),
    "Canary",
    ({ spec }) => spec?.service?.targetPort,
    "http",
  ],
  "the primary has as long as the canary": [
    canary({ progressDeadlineSeconds: 600 }),
    "Deployment",
    ({ spec }) => spec?.progressDeadlineSeconds,
    600,
  ],
  "a hasty canary shortens no rollout": [
    canary({ progressDeadlineSeconds: 20 }),
    "Deployment",
    ({ spec }) => spec?.progressDeadlineSeconds,
    120,
  ],
  "no canary's time without one": [
    { canary: { progressDeadlineSeconds: 600 } },
    "Deployment",
    ({ spec }) => spec?.progressDeadlineSeconds,
    120,
  ],
  "a slash at the end of Prometheus' address": [
    canary({ metrics: { prometheusAddress: "http://prometheus:9090/prometheus/" } }),
    "Canary",
    ({ spec }) => /\S+api\/v1\/query/.exec(String(spec?.analysis?.webhooks?.[0]?.metadata?.cmd))?.[0],
    "http://prometheus:9090/prometheus/api/v1/query",
  ],
  "a listener of the gateway": [
    behindGateway({}, { sectionName: "443", port: 443 }),
    "Canary",
    ({ spec }) => spec?.service?.gatewayRefs?.map(({ sectionName, port }) => [sectionName, port]),
    [["443", 443]],
  ],
  "the whole gateway": [
    behindGateway({}),
    "Canary",
    ({ spec }) => Object.keys(spec?.service?.gatewayRefs?.[0] ?? {}),
    ["group", "kind", "name", "namespace"],
  ],
  "a test's time": [{}, "Pod", triesOf, { attempts: "10", seconds: 120 }],
  "a test's time with long answers": [
    { tests: { attempts: 20, timeoutSeconds: 9 } },
    "Pod",
    triesOf,
    { attempts: "20", seconds: 200 },
  ],
  "a test's time with quick checks": [canary({ interval: "10s" }), "Pod", triesOf, { attempts: "60", seconds: 240 }],
  "a test's time with checks as usual": [canary({}), "Pod", triesOf, { attempts: "120", seconds: 270 }],
  "a test's time when it is asked for": [
    canary({ interval: "10s" }, { tests: { attempts: 90 } }),
    "Pod",
    triesOf,
    { attempts: "90", seconds: 270 },
  ],
  "no test of no pods": [{ replicaCount: 0 }, "Pod", (object) => object, undefined],
  "a test of the autoscaler's pods": [
    { replicaCount: 0, autoscaling: { enabled: true } },
    "Pod",
    ({ metadata }) => metadata?.name,
    "helloworld-test",
  ],
  "as many pods as are asked for": [{ replicaCount: 3 }, "Deployment", ({ spec }) => spec?.replicas, 3],
  "as many pods as the autoscaler wants": [
    { replicaCount: 3, autoscaling: { enabled: true } },
    "Deployment",
    ({ spec }) => Object.keys(spec ?? {}).includes("replicas"),
    false,
  ],
  "restricted pods": [{}, "Deployment", ({ spec }) => rightsOf(spec?.template), restricted(65532)],
  "restricted pods of another user, with a place to write to": [
    { runAsUser: 1000, tmp: { enabled: true } },
    "Deployment",
    ({ spec }) => rightsOf(spec?.template),
    restricted(1000),
  ],
  "a restricted test": [{}, "Pod", rightsOf, restricted(65532)],
  "the private registry's secret": [
    {},
    "Deployment",
    ({ spec }) => spec?.template?.spec?.imagePullSecrets,
    [{ name: "ghcr-secret" }],
  ],
  "a budget of the pods": [{}, "PodDisruptionBudget", (_, all) => budgetsOf(all), [["helloworld"]]],
  "a budget of the new version's pods, and one of the primary's": [
    canary({}),
    "PodDisruptionBudget",
    (_, all) => budgetsOf(all),
    [["helloworld"], ["helloworld-primary"]],
  ],
  "a policy that lets in to the application's port only": [
    { ...open("monitoring"), containerPort: 9000 },
    "NetworkPolicy",
    ({ spec }, all) => [spec?.policyTypes, spec?.ingress?.map(({ ports }) => ports?.map((port) => portOf(port, all)))],
    [["Ingress"], [[9000]]],
  ],
  "a policy for the pods": [
    { ...open("monitoring"), containerPort: 9000 },
    "NetworkPolicy",
    ({ spec }, all) => podsOf(spec?.podSelector, all),
    ["helloworld"],
  ],
  "a policy for the primary's pods too": [
    canary({}, open("monitoring")),
    "NetworkPolicy",
    ({ spec }, all) => podsOf(spec?.podSelector, all),
    ["helloworld", "helloworld-primary"],
  ],
  "an Ingress whose hosts lead to the pods": [
    { service: { port: 81 }, ingress: { enabled: true, hosts: ["a.example.com", "b.example.com"] } },
    "Ingress",
    (ingress, all) => backendsOf(ingress).map((backend) => podsBehind(backend, all)),
    [["helloworld"], ["helloworld"]],
  ],
  "an Ingress that leads to Flagger's Service": [
    canary({}, { service: { port: 81 }, ingress: { enabled: true } }),
    "Ingress",
    (ingress, all) => [
      backendsOf(ingress),
      ofKind(all, "Canary").map(({ spec }) => [spec?.service?.name, spec?.service?.port]),
    ],
    [[{ name: "helloworld", port: { number: 81 } }], [["helloworld", 81]]],
  ],
  "a monitor that scrapes each pod once": [
    { serviceMonitor: { enabled: true } },
    "ServiceMonitor",
    ({ spec }, all) =>
      ofKind(all, "Service")
        .filter(({ metadata }) => selects(spec?.selector, metadata?.labels))
        .map((service) => [service.metadata?.name, service.spec?.ports?.[0]?.name, spec?.endpoints?.[0]?.port]),
    [["helloworld-primary", "http", "http"]],
  ],
};

/** How often the chart's test asks, and when it is ended. */
function triesOf({ spec }: Rendered) {
  const attempts = /attempt \$attempt of (\d+)/.exec(String(spec?.containers?.[0]?.command?.[2]))?.[1];
  return { attempts, seconds: spec?.activeDeadlineSeconds };
}

const ofKind = (all: Rendered[], wanted: string) => all.filter(({ kind }) => String(kind) === wanted);

/** What each container of a pod may do, and whether it gets the token of a service account. */
function rightsOf(pod?: Rendered) {
  const ofAll = pod?.spec?.securityContext;
  return {
    token: pod?.spec?.automountServiceAccountToken,
    containers: pod?.spec?.containers?.map(({ securityContext }) => ({ ...ofAll, ...securityContext })),
  };
}

/** All that is set, so that nothing beside it weakens it. */
function restricted(user: number) {
  const who = { runAsNonRoot: true, runAsUser: user, runAsGroup: user };
  const rights = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } };
  return { token: false, containers: [{ ...who, ...rights, seccompProfile: { type: "RuntimeDefault" } }] };
}

/** Whether a selector chooses what has these labels, as Kubernetes understands both. */
function selects(selector: unknown, labels: unknown): boolean {
  const { matchLabels = {}, matchExpressions = [] } = (selector ?? {}) as {
    matchLabels?: Record<string, string>;
    matchExpressions?: { key: string; operator: string; values: string[] }[];
  };
  const has = (labels ?? {}) as Record<string, string>;
  return (
    Object.entries(matchLabels).every(([key, value]) => has[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => operator === "In" && values.includes(has[key] ?? ""))
  );
}

/** The names of the pods that a selector chooses among the chart's, those that Flagger makes of them, and the test's. */
function podsOf(selector: unknown, all: Rendered[]): unknown[] {
  const name = "app.kubernetes.io/name";
  const own = ofKind(all, "Deployment").map(({ spec }) => ({ ...spec?.template?.metadata?.labels }));
  const primary = ofKind(all, "Canary").flatMap(() =>
    own.map((labels) => ({ ...labels, [name]: `${labels[name]}-primary` })),
  );
  const test = ofKind(all, "Pod").map(({ metadata }) => ({ ...metadata?.labels }));
  return [...own, ...primary, ...test].filter((labels) => selects(selector, labels)).map((labels) => labels[name]);
}

const budgetsOf = (all: Rendered[]) =>
  ofKind(all, "PodDisruptionBudget").map(({ spec }) => podsOf(spec?.selector, all));

/** The number of a container's port that is known by its name. */
const portOf = ({ port }: Rendered, all: Rendered[]) =>
  ofKind(all, "Deployment")[0]?.spec?.template?.spec?.containers?.[0]?.ports?.find(({ name }) => name === port)
    ?.containerPort;

const backendsOf = ({ spec }: Rendered): Rendered[] =>
  spec?.rules?.flatMap(({ http }) => http?.paths?.flatMap(({ backend }) => backend?.service ?? []) ?? []) ?? [];

/** The pods behind the Service of this name that has this port. */
const podsBehind = ({ name, port }: Rendered, all: Rendered[]) =>
  ofKind(all, "Service")
    .filter(({ metadata, spec }) => metadata?.name === name && spec?.ports?.some((one) => one.port === port?.number))
    .flatMap(({ spec }) => podsOf({ matchLabels: spec?.selector }, all));

it("the chart fits what it renders to the values around it", async () => {
  // Rows of the same values have one file: each takes Helm a third of a second.
  const fileOf = (values: object) => {
    const [name = ""] = Object.entries(parts).find(([, row]) => isDeepStrictEqual(row[0], values)) ?? [];
    return `ci/${name.replaceAll(/\W/g, "-")}-values.yaml`;
  };
  const chart = dag.host().directory(repository, { include: ["appManifests"], exclude: ["appManifests/ci"] });
  const source = Object.values(parts).reduce(
    (folder, [values]) => folder.withNewFile(`appManifests/${fileOf(values)}`, JSON.stringify(values)),
    chart,
  );
  const folder = await renderVariants(source);
  for (const [name, [values, kind, part, is]] of Object.entries(parts)) {
    const documents = parseAllDocuments(await folder.file(fileOf(values)).contents());
    const objects = documents.flatMap((document): Rendered[] => document.toJS() ?? []);
    const [found] = ofKind(objects, kind);
    expect({ name, is: found && part(found, objects) }).toEqual({ name, is });
  }
});

it("the chart's notes lead to the Service of the pods that serve, with and without the canary", async () => {
  const notesWith = async (values: object) => {
    const install = [
      ...["helm", "install", "hello", "/chart", "--namespace", "apps"],
      ...["--dry-run=client", "--values", "/values.yaml"],
    ];
    const container = helmContainer(sourceWith({})).withNewFile("/values.yaml", JSON.stringify(values));
    const [, notes] = (await container.withExec(install).stdout()).split(/^NOTES:$/m);
    return notes;
  };
  const [plain, behindCanary] = await Promise.all([
    notesWith({ service: { port: 81 } }),
    notesWith(canary({}, { fullnameOverride: "web" })),
  ]);
  expect(plain).toContain("\n  kubectl --namespace apps port-forward service/helloworld-primary 8080:81\n");
  expect(plain).toContain("\n  kubectl --namespace apps rollout status deployment/helloworld\n");
  expect(plain).not.toContain("canary");
  expect(behindCanary).toContain("\n  kubectl --namespace apps port-forward service/web-primary 8080:8080\n");
  expect(behindCanary).toContain("\n  kubectl --namespace apps rollout status deployment/web-primary\n");
  expect(behindCanary).toContain("\n  kubectl --namespace apps get canary web --watch\n");
});

it("the sample application passes its own tests, and Go's checks", async () => {
  // Without what no test reads: the engine runs it again only when one of these changes.
  const app = dag.host().directory(join(repository, "test/app"), { include: ["*.go", "go.mod", "versions.json"] });
  const container = dag.container().from(images.golang).withEnvVariable("CGO_ENABLED", "0");
  const checked = container
    .withEnvVariable("GOMAXPROCS", "1") // the other processor is for the tests beside this
    .withMountedDirectory("/app", app)
    .withWorkdir("/app")
    .withExec(["sh", "-c", "go vet ./... && go test ./..."])
    .stdout()
    .catch(describeError);
  expect(await checked).toMatch(/^ok\s+\S+\/test\/app\s/);
});

describe("render", () => {
  it("shows what Flux would apply in prod", async () => {
    const { exitCode, stdout } = await call("render", "--env", "prod", "--tag", "v0.2.0", "contents");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/image: "?\S+:v0\.2\.0/);
    expect(stdout).toContain("kind: HorizontalPodAutoscaler");
    expect(stdout).toContain("kind: Canary");
  });

  it("makes new pods for a changed autoscaling, and none for another version of the chart", async () => {
    const podsWith = async (changes: Changes) => {
      const documents = parseAllDocuments(await rendered(sourceWith(changes))).map((document) => document.toJS());
      const { metadata, spec } = documents.find((object) => object?.kind === "Deployment");
      return { chart: metadata.labels["helm.sh/chart"], pods: spec.template };
    };
    const [before, later, scaled] = await Promise.all([
      podsWith({}),
      podsWith({ "appManifests/Chart.yaml": (text) => text.replace(/^version: .*$/m, "version: 9.9.9") }),
      podsWith({ [release]: (text) => text.replace("maxReplicas: 2", "maxReplicas: 3") }),
    ]);
    expect(later.chart).toBe("helloworld-9.9.9");
    expect(later.pods).toEqual(before.pods);
    expect(scaled.pods).not.toEqual(before.pods);
    expect(scaled.pods.spec).toEqual(before.pods.spec);
  });

  it("keeps texts that YAML could take for something else", async () => {
    const annotations = '    podAnnotations: {a: "on", b: "0755", c: "1:20"}\n';
    const manifests = await rendered(
      sourceWith({ [release]: (text) => text.replace("    autoscaling:", `${annotations}    autoscaling:`) }),
    );
    for (const line of ['a: "on"', 'b: "0755"', 'c: "1:20"']) expect(manifests).toContain(line);
  });

  it("keeps names of digits texts", async () => {
    const named = `networkPolicy: {enabled: true, allowedNamespaces: ["81003", monitoring]}
    serviceAccount: {name: "81004"}
    priorityClassName: "81005"
    ingress: {enabled: true, className: "81006"}
    canary:
      provider: gatewayapi:v1
      gateway: {refs: [{name: "81007", namespace: "81008", sectionName: "81009"}]}`;
    const source = sourceWith({ [release]: (text) => text.replace("canary:", named) });
    const entry = { ...environment("dev"), helmRelease: "81001", namespace: "81002" };
    const manifests = await (await renderChart(source, entry)).contents();
    for (const number of "123456789") expect(manifests).toContain(`: "8100${number}"`);
    expect(manifests.match(/\S+: 8100\d$/gm)).toBeNull();
  });

  it("says why a chart doesn't render", async () => {
    const said = await failure(rendered, {
      "appManifests/templates/service.yaml": (text) => `${text}\n{{ fail "broken on purpose" }}\n`,
    });
    expect(said).toContain("broken on purpose");
    expect(said).toContain("templates/service.yaml");
  });
});

describe("bump", () => {
  it("changes one line of prod's release file", async () => {
    const { exitCode, stdout } = await call("bump", "--env", "prod", "--tag", "v0.2.0", "as-patch", "contents");
    expect(exitCode).toBe(0);
    expect(stdout.match(/^[+-] .*$/gm)).toEqual(['-      tag: "v0.1.0"', '+      tag: "v0.2.0"']);
  });

  // Environments are in test/unit/moduleArguments.test.ts.
  it.each([
    [["--env", "prod", "--tag", "0.2.0"], "Did you mean v0.2.0?"],
    [["--env", "prod", "--tag", "latest"], "names no version"],
  ])("refuses %j before anything starts", async (args, message) => {
    const { exitCode, stderr, seconds } = await call("bump", ...args, "as-patch", "contents");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
    expect(seconds).toBeLessThan(20);
  });
});

describe("ci", () => {
  it.each<[string, string, Changes, RegExp]>([
    ["an environment that there is none of", "staging", {}, /no environment "staging"\. Known: local, dev, prod\./],
    [
      "a release file that can't be read",
      "local",
      { [release]: (text) => text.replace('tag: "v0.1.0"', 'tag: "v0.1.0') },
      /clusters\/dev\/release\.yaml:57:12: broken YAML/,
    ],
  ])("refuses %s in seconds, before a node starts", async (_, env, changes, reason) => {
    // The progress shows each step that begins.
    const args = ["--progress=plain", "call", "--source", copyWith(changes), "ci", "--env", env, "--tag", "v0.2.0"];
    const { exitCode, stderr, seconds } = await daggerw(args);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(reason);
    expect(stderr).not.toMatch(/\bcluster\b.* …/);
    expect(seconds).toBeLessThan(30);
  });

  it("stops at a chart that does not render, be it for prod alone, before it deploys", async () => {
    const source = copyWith({
      "clusters/prod/release.yaml": (text) => text.replace("minReplicas: 3", "minReplicas: 30"),
    });
    // Where nobody listens: the checks run beside the look at the cluster, and neither hides the other's cause.
    const env = { KUBECONFIG: kubeconfig(undefined, { server: "https://127.0.0.1:1" }) };
    const args = ["ci", "--env", "dev", "--tag", "v0.2.0", "--kubeconfig", "env:KUBECONFIG"];
    const { exitCode, stderr } = await daggerw(["-s", "call", "--source", source, ...args], env);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/does not render with the values of clusters\/prod\/release\.yaml:\n.*minReplicas \(30\)/);
    expect(stderr).not.toContain("values of clusters/dev");
    for (const name of ["lint chart", "validate manifests", "cluster"])
      expect(stderr).toMatch(new RegExp(`\\| ${name} +\\| failed`));
    expect(stderr).toMatch(/\| deploy v0\.2\.0 +\| skipped/);
  });
});
