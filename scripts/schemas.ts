// Makes pipeline/schemas/: one JSON schema for each kind that the chart and clusters/ hold or may get, so that `check` needs no
// network; and groups.txt, whose other kinds are misspelt.
//
//   npm run schemas
//
// The sources are Go modules, fetched and verified by `go mod download`: Kubernetes's own OpenAPI documents, and the CRDs of
// the controllers. Run it after changing a version below, then `npm run test:unit`.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

type Schema = { [key: string]: unknown };

const out = join(dirname(fileURLToPath(import.meta.url)), "..", "pipeline", "schemas");

const kubernetes = {
  module: "k8s.io/kubernetes@v1.35.4",
  /** OpenAPI document -> kinds of it. */
  documents: {
    api__v1: [
      "ConfigMap",
      "LimitRange",
      "Namespace",
      "PersistentVolumeClaim",
      "Pod",
      "ResourceQuota",
      "Secret",
      "Service",
      "ServiceAccount",
    ],
    apis__apps__v1: ["DaemonSet", "Deployment", "StatefulSet"],
    apis__autoscaling__v2: ["HorizontalPodAutoscaler"],
    apis__batch__v1: ["CronJob", "Job"],
    "apis__networking.k8s.io__v1": ["Ingress", "IngressClass", "NetworkPolicy"],
    apis__policy__v1: ["PodDisruptionBudget"],
    "apis__rbac.authorization.k8s.io__v1": ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
  } as Record<string, string[]>,
};

/** Module, file in it, and the kind@version pairs to take from it. */
const crds: [module: string, file: string, kinds: string[]][] = [
  [
    "github.com/fluxcd/source-controller@v1.9.4",
    "config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",
    ["GitRepository@v1"],
  ],
  [
    "github.com/fluxcd/source-controller@v1.9.4",
    "config/crd/bases/source.toolkit.fluxcd.io_ocirepositories.yaml",
    ["OCIRepository@v1"],
  ],
  [
    "github.com/fluxcd/source-controller@v1.9.4",
    "config/crd/bases/source.toolkit.fluxcd.io_helmrepositories.yaml",
    ["HelmRepository@v1"],
  ],
  [
    "github.com/fluxcd/source-controller@v1.9.4",
    "config/crd/bases/source.toolkit.fluxcd.io_buckets.yaml",
    ["Bucket@v1"],
  ],
  [
    "github.com/fluxcd/notification-controller@v1.9.3",
    "config/crd/bases/notification.toolkit.fluxcd.io_alerts.yaml",
    ["Alert@v1beta3"],
  ],
  [
    "github.com/fluxcd/notification-controller@v1.9.3",
    "config/crd/bases/notification.toolkit.fluxcd.io_providers.yaml",
    ["Provider@v1beta3"],
  ],
  [
    "github.com/fluxcd/notification-controller@v1.9.3",
    "config/crd/bases/notification.toolkit.fluxcd.io_receivers.yaml",
    ["Receiver@v1"],
  ],
  [
    "github.com/fluxcd/helm-controller@v1.6.3",
    "config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml",
    ["HelmRelease@v2"],
  ],
  [
    "github.com/fluxcd/kustomize-controller@v1.9.4",
    "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",
    ["Kustomization@v1"],
  ],
  [
    "github.com/fluxcd/flagger@v1.44.0",
    "artifacts/flagger/crd.yaml",
    ["AlertProvider@v1beta1", "Canary@v1beta1", "MetricTemplate@v1beta1"],
  ],
  [
    "github.com/prometheus-operator/prometheus-operator@v0.93.1",
    "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ["ServiceMonitor@v1"],
  ],
  [
    "github.com/prometheus-operator/prometheus-operator@v0.93.1",
    "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ["PodMonitor@v1"],
  ],
  [
    "github.com/prometheus-operator/prometheus-operator@v0.93.1",
    "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ["PrometheusRule@v1"],
  ],
  // The newest module that the proxies serve.
  [
    "github.com/external-secrets/external-secrets@v1.3.2",
    "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ["ExternalSecret@v1"],
  ],
  [
    "github.com/external-secrets/external-secrets@v1.3.2",
    "config/crds/bases/external-secrets.io_secretstores.yaml",
    ["SecretStore@v1"],
  ],
  [
    "github.com/external-secrets/external-secrets@v1.3.2",
    "config/crds/bases/external-secrets.io_clustersecretstores.yaml",
    ["ClusterSecretStore@v1"],
  ],
];

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const shortName = (name: string) => name.replace(/^io\.k8s\.(apimachinery\.pkg\.(apis\.)?|api\.)/, "");

/** What a manifest in git says about itself: none of the fields that the API server fills in. */
const strings: Schema = { type: "object", additionalProperties: { type: "string" } };
const objectMeta: Schema = {
  type: "object",
  additionalProperties: false,
  properties: {
    name: { type: "string", pattern: "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", maxLength: 253 },
    namespace: { type: "string", pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", maxLength: 63 },
    labels: {
      type: "object",
      additionalProperties: { type: "string", pattern: "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", maxLength: 63 },
    },
    annotations: strings,
    finalizers: { type: "array", items: { type: "string" } },
  },
};

/**
 * The parts of an OpenAPI schema that say what is valid. With `closed`, an object that names its fields has no others;
 * that is left out below allOf, anyOf, oneOf and not, where a schema names only some of them.
 */
function convert(schema: Schema, closed = true): Schema {
  const only = Array.isArray(schema.allOf) && schema.allOf.length === 1 ? schema.allOf[0] : undefined;
  if (isSchema(only) && typeof only.$ref === "string") return convert(only);
  if (typeof schema.$ref === "string") {
    return { $ref: `#/definitions/${shortName(schema.$ref.replace(/^.*\//, ""))}` };
  }
  if (schema["x-kubernetes-int-or-string"] === true) {
    const { anyOf: _, ...rest } = schema;
    return { ...convert({ ...rest, "x-kubernetes-int-or-string": false }), type: ["integer", "string"] };
  }
  const result: Schema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "type") {
      result.type = schema.nullable === true ? [value, "null"] : value;
    } else if (key === "properties" && isSchema(value)) {
      result.properties = Object.fromEntries(
        Object.entries(value).map(([name, property]) => [name, convert(property as Schema, closed)]),
      );
    } else if ((key === "items" || key === "additionalProperties") && isSchema(value)) {
      result[key] = convert(value, closed);
    } else if (key === "not" && isSchema(value)) {
      result.not = convert(value, false);
    } else if (["allOf", "anyOf", "oneOf"].includes(key) && Array.isArray(value)) {
      result[key] = value.map((part) => convert(part, false));
    } else if (key === "pattern" && `${value}`.includes("(?i)")) {
      // A regular expression of Go's alone.
    } else if (!["description", "default", "example", "format", "nullable"].includes(key) && !key.startsWith("x-")) {
      result[key] = value;
    }
  }
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (closed && !open && result.properties && result.additionalProperties === undefined) {
    result.additionalProperties = false;
  }
  return result;
}

/** A store's provider is looked into where it is AWS's: the others, forty of them, would be three quarters of the schema. */
const withAwsAlone = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema), (key, value) =>
    key === "provider" && value.properties?.aws
      ? { ...value, properties: { aws: value.properties.aws }, additionalProperties: { type: "object" } }
      : value,
  );

/** Roles and their bindings may have names with colons and capitals. */
const nameOf = (apiVersion: string) =>
  apiVersion.startsWith("rbac.") ? { type: "string", pattern: "^[^/%]+$" } : (objectMeta.properties as Schema).name;

/** The whole schema of a kind: `status` is the controllers' and no part of a manifest. */
function topLevel(apiVersion: string, kind: string, converted: Schema): Schema {
  const { status: _, ...properties } = converted.properties as Schema;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    ...converted,
    required: [...new Set(["apiVersion", "kind", "metadata", ...((converted.required as string[]) ?? [])])],
    properties: {
      ...properties,
      apiVersion: { const: apiVersion },
      kind: { const: kind },
      metadata: {
        ...objectMeta,
        properties: { ...(objectMeta.properties as Schema), name: nameOf(apiVersion) },
        required: ["name"],
      },
    },
  };
}

/** The definitions that `schema` needs, itself not included. */
function needed(schema: Schema, definitions: Record<string, Schema>, found: Record<string, Schema> = {}) {
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    if (!name || found[name]) continue;
    const definition = definitions[name];
    if (!definition) throw new Error(`no definition ${name}`);
    found[name] = definition;
    needed(definition, definitions, found);
  }
  return found;
}

/** kubeconform's {{ .ResourceKind }}{{ .KindSuffix }}: Deployment of apps/v1 is deployment-apps-v1. */
function fileName(apiVersion: string, kind: string): string {
  const [group = "", version] = apiVersion.split("/");
  return `${[kind, group.split(".")[0], ...(version ? [version] : [])].join("-").toLowerCase()}.json`;
}

/** One line for each definition and each top-level key: small, and a diff still says what changed. */
function print(schema: Schema): string {
  const lines = Object.entries(schema).flatMap(([key, value]) => {
    if (key !== "definitions") return [`  ${JSON.stringify(key)}: ${JSON.stringify(value)}`];
    const definitions = Object.entries(value as Schema).sort(([a], [b]) => (a < b ? -1 : 1));
    const inner = definitions.map(([name, definition]) => `    ${JSON.stringify(name)}: ${JSON.stringify(definition)}`);
    return [`  "definitions": {\n${inner.join(",\n")}\n  }`];
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

const groups = new Set<string>();

function write(apiVersion: string, kind: string, schema: Schema): void {
  const name = fileName(apiVersion, kind);
  const [group = "", version] = apiVersion.split("/");
  if (version) groups.add(group);
  const text = print(schema);
  writeFileSync(join(out, name), text);
  console.log(`${String(Math.ceil(text.length / 1024)).padStart(4)} KB  ${name}`);
}

function download(module: string): string {
  const answer = execFileSync("go", ["mod", "download", "-json", module], { cwd: tmpdir(), encoding: "utf8" });
  return (JSON.parse(answer) as { Dir: string }).Dir;
}

mkdirSync(out, { recursive: true });
for (const name of readdirSync(out)) if (name.endsWith(".json")) rmSync(join(out, name));

const openapi = join(download(kubernetes.module), "api", "openapi-spec", "v3");
for (const [document, kinds] of Object.entries(kubernetes.documents)) {
  const file = `${document}_openapi.json`;
  const { components } = JSON.parse(readFileSync(join(openapi, file), "utf8")) as {
    components: { schemas: Record<string, Schema> };
  };
  const definitions: Record<string, Schema> = {};
  for (const [name, schema] of Object.entries(components.schemas)) definitions[shortName(name)] = convert(schema);
  definitions["meta.v1.ObjectMeta"] = objectMeta;

  for (const kind of kinds) {
    const versions = Object.values(components.schemas).flatMap((schema) => {
      const ids = schema["x-kubernetes-group-version-kind"] as { group: string; kind: string; version: string }[];
      return (ids ?? []).filter((id) => id.kind === kind && schema.properties).map((id) => ({ ...id, schema }));
    });
    const found = versions[0];
    if (!found) throw new Error(`${file} has no kind ${kind}`);
    const apiVersion = found.group ? `${found.group}/${found.version}` : found.version;
    const schema = topLevel(apiVersion, kind, convert(found.schema));
    write(apiVersion, kind, { ...schema, definitions: needed(schema, definitions) });
  }
}

for (const [module, file, kinds] of crds) {
  const documents = parseAllDocuments(readFileSync(join(download(module), file), "utf8")).map((one) => one.toJS());
  for (const wanted of kinds) {
    const [kind = "", version = ""] = wanted.split("@");
    const crd = documents.find((one) => one?.spec?.names?.kind === kind);
    const found = crd?.spec.versions.find((one: { name: string }) => one.name === version);
    if (!found) throw new Error(`${module} ${file} has no ${wanted}`);
    const apiVersion = `${crd.spec.group}/${version}`;
    write(apiVersion, kind, withAwsAlone(topLevel(apiVersion, kind, convert(found.schema.openAPIV3Schema))));
  }
}

// kustomize publishes no schema: these are the fields that clusters/ may use.
const list = { type: "array", items: { type: "string" } };
write("kustomize.config.k8s.io/v1beta1", "Kustomization", {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "resources"],
  properties: {
    apiVersion: { const: "kustomize.config.k8s.io/v1beta1" },
    kind: { const: "Kustomization" },
    metadata: objectMeta,
    namespace: { type: "string" },
    resources: { ...list, minItems: 1, uniqueItems: true },
    components: list,
    commonAnnotations: strings,
    labels: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["pairs"],
        properties: {
          pairs: strings,
          includeSelectors: { type: "boolean" },
          includeTemplates: { type: "boolean" },
        },
      },
    },
    patches: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        properties: {
          path: { type: "string" },
          patch: { type: "string" },
          target: {
            type: "object",
            additionalProperties: false,
            properties: Object.fromEntries(
              ["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"].map((name) => [
                name,
                { type: "string" },
              ]),
            ),
          },
          options: { type: "object", additionalProperties: { type: "boolean" } },
        },
      },
    },
  },
});

writeFileSync(join(out, "groups.txt"), `${[...groups].sort().join("\n")}\n`);
