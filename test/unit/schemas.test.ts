import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv, type ValidateFunction } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { images } from "../../pipeline/src/images.js";

/** The parts of a HelmRelease that the tests spoil. */
type HelmReleaseSpec = { upgrade: { strategy: object }; chart: { spec: object }; driftDetection: object };
type Manifest = { apiVersion: string; kind: string; [key: string]: unknown };

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");
const folder = "pipeline/schemas";
const schemas = readdirSync(root + folder).filter((name) => name.endsWith(".json"));

/** kubeconform's {{ .ResourceKind }}{{ .KindSuffix }}. */
function fileOf({ apiVersion, kind }: Manifest): string {
  const [group = "", version] = apiVersion.split("/");
  return `${[kind, group.split(".")[0], ...(version ? [version] : [])].join("-").toLowerCase()}.json`;
}

const compiled = new Map<string, ValidateFunction>();
function errors(manifest: Manifest): string[] {
  const file = fileOf(manifest);
  const validate =
    compiled.get(file) ??
    new Ajv({ allErrors: true, strictTypes: false, strictRequired: false, allowUnionTypes: true }).compile(
      JSON.parse(read(`${folder}/${file}`)),
    );
  compiled.set(file, validate);
  validate(manifest);
  return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

test("the schemas are of the versions that run: a newer one has fields that the cluster refuses", () => {
  const generator = read("scripts/schemas.ts");
  const versionsOf = (module: string) =>
    [...generator.matchAll(new RegExp(`${module}@([^"]+)"`, "g"))].map(([, tag]) => tag);
  for (const [module, image] of [
    ["k8s.io/kubernetes", images.node],
    ["fluxcd/source-controller", images.sourceController],
    ["fluxcd/kustomize-controller", images.kustomizeController],
    ["fluxcd/helm-controller", images.helmController],
    ["fluxcd/notification-controller", images.notificationController],
    ["fluxcd/flagger", images.flagger],
  ] as const) {
    const tag = image.split(":")[1]?.replace(/^v?/, "v");
    expect(new Set(versionsOf(module)), module).toEqual(new Set([tag]));
    expect(read(`${folder}/README.md`)).toContain(`${module}\` ${tag}`);
  }
});

const groups = read(`${folder}/groups.txt`).trim().split("\n");

/** The files of the environments; without patches, which are no objects by themselves. */
const manifests = ["dev", "prod"].flatMap((environment) => {
  const { patches = [] } = parse(read(`clusters/${environment}/kustomization.yaml`));
  const names = readdirSync(`${root}clusters/${environment}`);
  return names
    .filter((name) => !patches.some(({ path }: { path?: string }) => path === name))
    .map((name) => `clusters/${environment}/${name}`);
});

/** Not an object of a project that has no schemas here. */
function hasSchema(path: string): boolean {
  const [group = ""] = parse(read(path)).apiVersion.split("/");
  return !group.includes(".") || groups.includes(group);
}

describe("the Flux objects of the environments", () => {
  test.each(manifests.filter(hasSchema))("%s is valid", (path) => {
    expect(errors(parse(read(path)))).toEqual([]);
  });
});

test("there is a schema for every kind that a template renders", () => {
  const templates = `${root}appManifests/templates`;
  const kinds = (readdirSync(templates, { recursive: true }) as string[])
    .filter((name) => /\.(yaml|tpl)$/.test(name))
    .flatMap((name) => [...readFileSync(`${templates}/${name}`, "utf8").matchAll(/^apiVersion: (\S+)\nkind: (\S+)$/gm)])
    .map(([, apiVersion = "", kind = ""]) => fileOf({ apiVersion, kind }));
  expect(new Set(kinds).size).toBe(11);
  expect([...new Set(kinds)].filter((file) => !schemas.includes(file))).toEqual([]);
});

/** What somebody may commit into clusters/ besides what is there. */
const committed: Record<string, Manifest> = {
  Role: {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "helloworld:Reader", namespace: "helloworld" },
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
  },
  RoleBinding: {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "reader" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
    subjects: [{ kind: "ServiceAccount", name: "helloworld", namespace: "helloworld" }],
  },
  CronJob: {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "nightly" },
    spec: {
      schedule: "0 3 * * *",
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "a:v1" }] } } },
      },
    },
  },
  PersistentVolumeClaim: {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  },
  Provider: {
    apiVersion: "notification.toolkit.fluxcd.io/v1beta3",
    kind: "Provider",
    metadata: { name: "slack" },
    spec: { type: "slack", channel: "general", secretRef: { name: "slack" } },
  },
  Alert: {
    apiVersion: "notification.toolkit.fluxcd.io/v1beta3",
    kind: "Alert",
    metadata: { name: "releases" },
    spec: {
      providerRef: { name: "slack" },
      eventSeverity: "error",
      eventSources: [{ kind: "HelmRelease", name: "*" }],
    },
  },
  Receiver: {
    apiVersion: "notification.toolkit.fluxcd.io/v1",
    kind: "Receiver",
    metadata: { name: "github" },
    spec: {
      type: "github",
      secretRef: { name: "token" },
      resources: [{ kind: "GitRepository", name: "helloworld-infrastructure" }],
    },
  },
  ClusterSecretStore: {
    apiVersion: "external-secrets.io/v1",
    kind: "ClusterSecretStore",
    metadata: { name: "aws-secrets-manager" },
    spec: { provider: { aws: { service: "SecretsManager", region: "eu-west-1" } } },
  },
  SecretStore: {
    apiVersion: "external-secrets.io/v1",
    kind: "SecretStore",
    metadata: { name: "other" },
    spec: { provider: { vault: { server: "https://vault.example.com" } } },
  },
};

describe("what may come into clusters/", () => {
  const [, recipe = ""] = /```yaml\n([\s\S]*?)```/.exec(read("terraform/modules/external-secrets/README.md")) ?? [];

  test("the ExternalSecret of the documents is valid, and refused with a misspelt field", () => {
    const manifest = parse(recipe.replaceAll(/^ {2}/gm, ""));
    expect(manifest.kind).toBe("ExternalSecret");
    expect(errors(manifest)).toEqual([]);
    expect(errors({ ...manifest, spec: { ...manifest.spec, refreshIntervall: "1h" } })).not.toEqual([]);
  });

  test.each(Object.entries(committed))("%s is valid, and refused with a misspelt field", (kind, manifest) => {
    expect(manifest.kind).toBe(kind);
    expect(errors(manifest)).toEqual([]);
    expect(errors({ ...manifest, typo: true })).not.toEqual([]);
  });

  test("a store of AWS' is looked into", () => {
    const aws = { service: "SecretsManager", regoin: "eu-west-1" };
    expect(errors({ ...committed.ClusterSecretStore, spec: { provider: { aws } } } as Manifest).join()).toContain(
      "regoin",
    );
  });
});

test("the groups whose other kinds are misspelt are those of the schemas", () => {
  const versions: string[] = schemas.map((file) => JSON.parse(read(`${folder}/${file}`)).properties.apiVersion.const);
  const found = versions.filter((version) => version.includes("/")).map((version) => version.replace(/\/.*/, ""));
  expect(groups).toEqual([...new Set(found)].sort());
});

describe("a schema", () => {
  test.each(schemas)("%s stands alone, is closed and small, and knows its own kind", (file) => {
    const text = read(`${folder}/${file}`);
    const schema = JSON.parse(text);
    expect(text.length).toBeLessThan(64 * 1024);
    expect(text).not.toMatch(/"\$ref": ?"(?!#\/definitions\/)/);
    expect(text).not.toContain('"description":"');
    expect(schema.additionalProperties).toBe(false);
    const self = { apiVersion: schema.properties.apiVersion.const, kind: schema.properties.kind.const };
    expect(fileOf(self)).toBe(file);
    // Compiles, and refuses a field that no kind has.
    expect(errors({ ...self, metadata: { name: "x" }, typo: true }).join("\n")).toContain(
      '"additionalProperty":"typo"',
    );
  });
});

describe("mistakes in manifests", () => {
  const deployment = () => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "x", labels: { a: "b" } },
    spec: {
      selector: { matchLabels: { a: "b" } },
      template: {
        metadata: { labels: { a: "b" } },
        spec: { containers: [{ name: "x", image: "x:v1", ports: [{ containerPort: 8080 }] }] },
      },
    },
  });

  test("a right Deployment passes", () => {
    expect(errors(deployment())).toEqual([]);
  });

  test.each<[string, (d: ReturnType<typeof deployment>) => unknown, string]>([
    [
      "a misspelt field",
      (d) => Object.assign(d.spec.template.spec.containers[0] ?? {}, { imagePullPolice: "Always" }),
      "imagePullPolice",
    ],
    [
      "a port as text",
      (d) => Object.assign(d.spec.template.spec.containers[0]?.ports[0] ?? {}, { containerPort: "8080" }),
      "/containerPort must be integer",
    ],
    [
      "a label that is a number",
      (d) => Object.assign(d.metadata.labels, { a: 1 }),
      "/metadata/labels/a must be string",
    ],
    ["a name that DNS refuses", (d) => Object.assign(d.metadata, { name: "Hello_World" }), "/metadata/name must match"],
    [
      "a part without body",
      (d) => Object.assign(d.spec.template, { spec: null }),
      "/spec/template/spec must be object",
    ],
    ["a missing selector", (d) => Reflect.deleteProperty(d.spec, "selector"), "must have required property 'selector'"],
    ["an older version of the API", (d) => Object.assign(d.spec, { rollbackTo: { revision: 1 } }), "rollbackTo"],
  ])("%s", (_, spoil, message) => {
    const manifest = deployment();
    spoil(manifest);
    expect(errors(manifest).join("\n")).toContain(message);
  });

  test.each<[string, (spec: HelmReleaseSpec) => unknown, string]>([
    [
      "an unknown strategy",
      (spec) => Object.assign(spec.upgrade.strategy, { name: "Retry" }),
      "/spec/upgrade/strategy/name",
    ],
    [
      "a misspelt field",
      (spec) => Object.assign(spec.chart.spec, { reconcilStrategy: "Revision" }),
      "reconcilStrategy",
    ],
    [
      "an interval without unit",
      (spec) => Object.assign(spec, { interval: "10" }),
      "/spec/interval must match pattern",
    ],
    [
      "drift detection that YAML 1.1 reads as true",
      (spec) => Object.assign(spec.driftDetection, { mode: true }),
      "/mode",
    ],
  ])("%s in a HelmRelease", (_, spoil, message) => {
    const manifest = parse(read("clusters/dev/release.yaml"));
    spoil(manifest.spec);
    expect(errors(manifest).join("\n")).toContain(message);
  });
});
