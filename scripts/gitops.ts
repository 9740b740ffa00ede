// Makes pipeline/gitops/: what installs Flux, as `flux install` does it; and most of clusters/local/: what Terraform installs on
// EKS beside it, Flagger with its load tester as their charts do, metrics-server, and the CRD of the ServiceMonitors; in addons/,
// External Secrets, and the CRDs of Gateway API.
//
//   npm run gitops-manifests
//
// The sources are Go modules, fetched and verified by `go mod download`, at the versions of pipeline/src/images.ts; kustomize
// and Helm are built by Go. Run it after changing one of those images, then `npm run test:unit`.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments, stringify } from "yaml";
import { type ImageName, images } from "../pipeline/src/images.js";

/** The release that the four controllers belong to. */
const release = "v2.9.4";

/** Flux's own bases. No proxy serves the release's; between the two, only the controllers' versions in them differ. */
const flux = "github.com/fluxcd/flux2/v2@v2.9.5";

const kustomize = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1";

const controllers = {
  "source-controller": "sourceController",
  "kustomize-controller": "kustomizeController",
  "helm-controller": "helmController",
  "notification-controller": "notificationController",
} as const satisfies Record<string, ImageName>;

const namespace = "flux-system";

/** Where Flagger finds it on EKS too. */
const prometheus = "http://kube-prometheus-stack-prometheus.monitoring:9090";

const prometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.93.1";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const fluxFolder = join(root, "pipeline", "gitops");
const platformFolder = join(root, "clusters", "local");
const addonsFolder = join(platformFolder, "addons");
const work = mkdtempSync(join(tmpdir(), "gitops-"));

const tagOf = (image: ImageName) => images[image].replace(/^.+:/, "");

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: tmpdir(), encoding: "utf8", maxBuffer: 64e6 });

function download(module: string): string {
  return (JSON.parse(run("go", "mod", "download", "-json", module)) as { Dir: string }).Dir;
}

/** Copies without the module cache's read-only modes. */
const copy = (from: string, to: string) => cpSync(from, to, { recursive: true, mode: 0 });

/** A kustomization in the working folder. */
function kustomization(folder: string, content: object): void {
  mkdirSync(join(work, folder), { recursive: true });
  writeFileSync(join(work, folder, "kustomization.yaml"), stringify(content));
}

/** One of Flux's bases, with the controller's files from its module where the base names those of its release page. */
function base(bases: string, name: keyof typeof controllers): void {
  const config = join(download(`github.com/fluxcd/${name}@${tagOf(controllers[name])}`), "config");
  copy(join(bases, name), join(work, name));
  copy(join(config, "crd"), join(work, name, "crds"));
  copy(join(config, "manager"), join(work, name, "deployment"));
  const content = parse(readFileSync(join(work, name, "kustomization.yaml"), "utf8"));
  content.resources = content.resources.map((one: string) => one.replace(/^https:.*\.(crds|deployment)\.yaml$/, "$1"));
  kustomization(name, content);
}

const labels = (values: Record<string, string>) => ({
  apiVersion: "builtin",
  kind: "LabelTransformer",
  metadata: { name: "labels" },
  labels: values,
  fieldSpecs: [
    { path: "metadata/labels", create: true },
    { kind: "Deployment", path: "spec/template/metadata/labels", create: true },
  ],
});

/** What flux2's pkg/manifestgen/install/templates.go makes of the bases with its default options. */
function fluxManifests(): string {
  const manifests = join(download(flux), "manifests");
  for (const name of Object.keys(controllers)) base(join(manifests, "bases"), name as keyof typeof controllers);
  for (const folder of ["rbac", "policies"]) copy(join(manifests, folder), join(work, folder));
  kustomization("roles", { namespace, resources: ["../rbac"], nameSuffix: `-${namespace}` });
  const parts = { "app.kubernetes.io/instance": namespace, "app.kubernetes.io/version": release };
  writeFileSync(join(work, "labels.yaml"), stringify(labels({ ...parts, "app.kubernetes.io/part-of": "flux" })));
  const warn = { "pod-security.kubernetes.io/warn": "restricted", "pod-security.kubernetes.io/warn-version": "latest" };
  const itself = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: warn } };
  writeFileSync(join(work, "namespace.yaml"), stringify(itself));
  const linux = [{ op: "add", path: "/spec/template/spec/nodeSelector", value: { "kubernetes.io/os": "linux" } }];
  kustomization(".", {
    namespace,
    transformers: ["labels.yaml"],
    resources: ["namespace.yaml", "policies", "roles", ...Object.keys(controllers)],
    patches: [{ target: { kind: "Deployment" }, patch: stringify(linux) }],
    images: Object.entries(controllers).map(([name, image]) => ({
      name: `fluxcd/${name}`,
      newName: images[image].replace(/:[^:]+$/, ""),
      newTag: tagOf(image),
    })),
  });
  return run("go", "run", kustomize, "build", work);
}

/** A chart in Flagger's module, rendered for a namespace; `patches` change what it has no value for. */
function chart(name: string, release: string, namespace: string, values: object, patches: object[] = []): string {
  const folder = join(download(`github.com/fluxcd/flagger@v${tagOf("flagger")}`), "charts", name);
  // Helm leaves the namespace to its caller.
  kustomization(name, { namespace, resources: ["rendered.yaml"], patches });
  const file = join(work, name, "values.yaml");
  writeFileSync(file, stringify(values));
  const rendered = helmTemplate(release, folder, ["--namespace", namespace, "--include-crds", "--values", file]);
  writeFileSync(join(work, name, "rendered.yaml"), rendered);
  return run("go", "run", kustomize, "build", join(work, name));
}

const helmTemplate = (release: string, folder: string, options: string[]) =>
  run("go", "run", `helm.sh/helm/v4/cmd/helm@v${tagOf("helm")}`, "template", release, folder, ...options);

/** What terraform/modules/flagger sets, without what is about its cluster. */
const secured = (more: object) => ({
  enabled: true,
  context: {
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
    ...more,
  },
});
const flaggerValues = {
  meshProvider: "kubernetes",
  metricsServer: prometheus,
  noCrossNamespaceRefs: true,
  securityContext: secured({ runAsUser: 10001 }),
};
/** A new Canary is seen within a second, not within ten: on a throwaway node the first one is always new. */
const flaggerAtOnce = {
  target: { kind: "Deployment" },
  patch: stringify([
    { op: "add", path: "/spec/template/spec/containers/0/command/-", value: "-control-loop-interval=1s" },
  ]),
};
const loadtesterValues = {
  fullnameOverride: "flagger-loadtester",
  cmd: { timeout: "10m", namespaceRegexp: "^helloworld$" },
  resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "128Mi" } },
  securityContext: secured({ runAsUser: 100, runAsGroup: 101 }),
  volumes: [{ name: "tmp", emptyDir: {} }],
  volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
};

/** metrics-server's release, for a node whose kubelet has made its certificate itself. */
function metricsServer(): string {
  const module = `sigs.k8s.io/metrics-server@${tagOf("metricsServer")}`;
  copy(join(download(module), "manifests"), join(work, "manifests"));
  const insecure = [{ op: "add", path: "/spec/template/spec/containers/0/args/-", value: "--kubelet-insecure-tls" }];
  kustomization("metrics-server", {
    resources: ["../manifests/overlays/release"],
    patches: [{ target: { kind: "Deployment" }, patch: stringify(insecure) }],
  });
  return run("go", "run", kustomize, "build", join(work, "metrics-server"));
}

/** What terraform/modules/external-secrets sets, without its webhook: that checks what is written and converts old versions. */
const externalSecretsValues = {
  image: { repository: images.externalSecrets.replace(/:[^:]+$/, ""), tag: tagOf("externalSecrets") },
  processPushSecret: false,
  processClusterPushSecret: false,
  processClusterExternalSecret: false,
  webhook: { create: false },
  certController: { create: false },
  resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "256Mi" } },
};

/** External Secrets with the kinds that are used, in the version that is stored. */
function externalSecrets(): string {
  const module = download(`github.com/external-secrets/external-secrets@${tagOf("externalSecrets")}`);
  const folder = join(work, "external-secrets");
  copy(join(module, "deploy/charts/external-secrets"), folder);
  // Another project's chart, which is off by default and not in the module.
  const { dependencies, ...description } = parse(readFileSync(join(folder, "Chart.yaml"), "utf8"));
  writeFileSync(join(folder, "Chart.yaml"), stringify(description));
  const file = join(folder, "own-values.yaml");
  writeFileSync(file, stringify(externalSecretsValues));
  const rendered = helmTemplate("external-secrets", folder, ["--namespace", "external-secrets", "--values", file]);
  const kinds = [
    "external-secrets.io_clustersecretstores",
    "external-secrets.io_externalsecrets",
    "external-secrets.io_secretstores",
    "generators.external-secrets.io_generatorstates",
  ];
  const crds = kinds.map((kind) => storedVersion(readFileSync(join(module, `config/crds/bases/${kind}.yaml`), "utf8")));
  return [...crds, rendered].join("---\n");
}

/** Gateway API's kinds of the standard channel, in the version that Traefik is built with. */
function gatewayApi(): string {
  const traefik = download(`github.com/traefik/traefik/v3@${tagOf("traefik")}`);
  const api = "sigs.k8s.io/gateway-api";
  const [, version] = new RegExp(`^\\s*${api} (\\S+)`, "m").exec(readFileSync(join(traefik, "go.mod"), "utf8")) ?? [];
  const folder = join(download(`${api}@${version}`), "config/crd/standard");
  return readdirSync(folder)
    .map((name) => storedVersion(readFileSync(join(folder, name), "utf8")))
    .join("---\n");
}

/** A CRD without its other versions, and without what is for people: three quarters of it. */
function storedVersion(text: string): string {
  // A field that is called so is no text.
  const { status, ...crd } = parse(text, (key, value) =>
    key === "description" && typeof value === "string" ? undefined : value,
  );
  crd.spec.versions = crd.spec.versions.filter((version: { storage: boolean }) => version.storage);
  return stringify(crd);
}

/** Writes the CRDs and the rest to two files: who applies them waits for the former before the latter's objects. */
function write(out: string, name: string, text: string): void {
  mkdirSync(out, { recursive: true });
  const documents = parseAllDocuments(text).filter((one) => one.toJS() !== null);
  const isCrd = (one: (typeof documents)[number]) => one.get("kind") === "CustomResourceDefinition";
  for (const [file, found] of [
    [`${name}-crds.yaml`, documents.filter(isCrd)],
    [`${name}.yaml`, documents.filter((one) => !isCrd(one))],
  ] as const) {
    if (found.length === 0) continue;
    const content = found.map((one) => stringify(one.toJS(), { lineWidth: 0, aliasDuplicateObjects: false }));
    writeFileSync(join(out, file), content.join("---\n"));
    console.log(`${String(found.length).padStart(4)} objects  ${file}`);
  }
}

try {
  write(fluxFolder, "flux", fluxManifests());
  write(platformFolder, "metrics-server", metricsServer());
  write(platformFolder, "flagger", chart("flagger", "flagger", "flagger", flaggerValues, [flaggerAtOnce]));
  const loadtester = chart("loadtester", "flagger-loadtester", "helloworld", loadtesterValues);
  write(platformFolder, "flagger-loadtester", loadtester);
  write(join(addonsFolder, "external-secrets"), "external-secrets", externalSecrets());
  write(join(addonsFolder, "traefik"), "gateway-api", gatewayApi());
  const crd = "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml";
  write(platformFolder, "servicemonitor", readFileSync(join(download(prometheusOperator), crd), "utf8"));
} finally {
  rmSync(work, { recursive: true, force: true });
}
