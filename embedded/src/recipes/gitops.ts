// What a cluster needs for GitOps: Flux, Flagger with its load tester, Prometheus, metrics, secrets, a gateway, what enforces
// network policies, and a git server.
import { type ImageName, images } from "../../../pipeline/src/images.js";
import { debianBase, debianRoot } from "../debian.js";
import { type GoBuild, goBuild } from "../go.js";
import {
  type Blob,
  type Entry,
  type GroupName,
  type ImageConfig,
  parseReference,
  type Recipe,
  rootLayer,
  treeLayer,
} from "../images.js";
import { nodeBinary } from "../node.js";
import { binaries, busyboxLayer, debianLayer, kubernetes, pinned, stamp, staticLayer, tools } from "./parts.js";
import { terraformPackages } from "./terraform.js";

const flux: GoBuild = { module: "flux", title: "build Flux's controllers from Go modules" };

const flagger: GoBuild = { module: "flagger", title: "build Flagger and its load tester from Go modules" };

const prometheus: GoBuild = {
  module: "prometheus",
  // Of the places that Prometheus can look for targets in, only Kubernetes: the others bring the SDKs of all clouds.
  tags: ["netgo", "remove_all_sd", "enable_kubernetes_sd"],
  ldflags: stamp({
    "github.com/prometheus/common/version.Version": pinned("prometheus", "github.com/prometheus/prometheus").replace(
      /^v0\.(\d)(\d+)\./,
      (_, major, minor) => `${major}.${Number(minor)}.`,
    ),
  }),
  title: "build Prometheus from Go modules",
};

const metricsServer: GoBuild = {
  module: "metrics-server",
  ldflags: stamp({
    "k8s.io/client-go/pkg/version.gitVersion": pinned("metrics-server", "sigs.k8s.io/metrics-server"),
  }),
  title: "build metrics-server from Go modules",
};

const kubeRouter: GoBuild = {
  module: "kube-router",
  ldflags: stamp({
    "github.com/cloudnativelabs/kube-router/v2/pkg/version.Version": pinned(
      "kube-router",
      "github.com/cloudnativelabs/kube-router/v2",
    ),
  }),
  title: "build kube-router from Go modules",
};

const traefik: GoBuild = {
  module: "traefik",
  ldflags: stamp({
    "github.com/traefik/traefik/v3/pkg/version.Version": pinned("traefik", "github.com/traefik/traefik/v3").slice(1),
  }),
  title: "build Traefik from Go modules",
};

const externalSecrets: GoBuild = {
  module: "external-secrets",
  title: "build External Secrets from Go modules",
};

/** What is built for GitOps, the quick ones first. */
export const gitopsBuilds = [metricsServer, flagger, prometheus, flux];

/** What is built besides: large, and seldom asked for. */
export const addonBuilds = [kubeRouter, traefik, externalSecrets];

const demanded = (layers: () => Promise<Blob[]>, config?: ImageConfig, by: GroupName = "gitops"): Recipe => ({
  demanded: { by, layers },
  config,
});

/** An image's one command, where the image has it. */
const command = (from: GoBuild, name: string, path = `/usr/local/bin/${name}`) =>
  binaries(name, goBuild(from), { [path]: name });

/** One of Flux's controllers, in an image made from Alpine. */
const controller = (name: string): Recipe =>
  demanded(async () => [await staticLayer(), await busyboxLayer(), await command(flux, name)], {
    Entrypoint: [name],
    User: "65534:65534",
  });

const files = (name: string, entries: Record<string, Entry>) =>
  treeLayer(name, { values: [entries] }, async () => entries);

/** Debian packages over Debian's base. */
async function packages(name: string, names: string[]): Promise<Blob[]> {
  const root = await debianRoot(name, names);
  return [await debianLayer(), await rootLayer(`${name}-packages`, { root, base: await debianBase() })];
}

/** Node.js at the version of its image's tag. */
async function node(): Promise<Blob> {
  const [version = ""] = parseReference(images.git).tag.split("-");
  const binary = await nodeBinary(version);
  return await treeLayer("node", { values: [version] }, async () => ({ "/usr/local/bin/node": { copy: binary } }));
}

export const gitopsRecipes = {
  sourceController: controller("source-controller"),
  kustomizeController: controller("kustomize-controller"),
  helmController: controller("helm-controller"),
  notificationController: controller("notification-controller"),
  flagger: demanded(
    async () => [await staticLayer(), await busyboxLayer(), await command(flagger, "flagger", "/flagger")],
    { Entrypoint: ["./flagger"], WorkingDir: "/", User: "65534" },
  ),
  flaggerLoadtester: demanded(
    async () => [
      ...(await packages("loadtester", ["bash", "ca-certificates", "curl", "git", "jq", "wget", "wrk"])),
      await files("loadtester-home", { "/home/app": { folder: 0o1777 } }),
      await binaries("hey", goBuild(flagger), { "/usr/local/bin/hey": "hey" }),
      await binaries("loadtester-helm", tools(), { "/usr/local/bin/helm": "helm" }),
      await binaries("loadtester-kubectl", kubernetes(), { "/usr/local/bin/kubectl": "kubectl" }),
      await command(flagger, "loadtester", "/home/app/loadtester"),
    ],
    // Alpine's first user, as which the charts run it.
    { Entrypoint: ["./loadtester"], WorkingDir: "/home/app", User: "100:101" },
  ),
  prometheus: demanded(
    async () => [
      await staticLayer(),
      await busyboxLayer(),
      await files("prometheus-files", prometheusFiles),
      await binaries("prometheus", goBuild(prometheus), {
        "/bin/prometheus": "prometheus",
        "/bin/promtool": "promtool",
      }),
    ],
    {
      Entrypoint: ["/bin/prometheus"],
      Cmd: ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
      WorkingDir: "/prometheus",
      User: "65534",
      ExposedPorts: { "9090/tcp": {} },
    },
  ),
  metricsServer: demanded(
    async () => [await staticLayer(), await command(metricsServer, "metrics-server", "/metrics-server")],
    { Entrypoint: ["/metrics-server"], User: "65534" },
  ),
  kubeRouter: demanded(
    async () => [
      ...(await packages("kube-router", [
        "bash",
        "ca-certificates",
        "conntrack",
        "curl",
        "iproute2",
        "ipset",
        "iptables",
        "ipvsadm",
      ])),
      await command(kubeRouter, "kube-router"),
    ],
    { Entrypoint: ["/usr/local/bin/kube-router"], WorkingDir: "/root" },
    "addons",
  ),
  traefik: demanded(
    async () => [
      await staticLayer(),
      await busyboxLayer(),
      await files("traefik-files", traefikFiles),
      await command(traefik, "traefik"),
    ],
    { Entrypoint: ["/entrypoint.sh"], Cmd: ["traefik"], ExposedPorts: { "80/tcp": {} } },
    "addons",
  ),
  externalSecrets: demanded(
    async () => [await staticLayer(), await command(externalSecrets, "external-secrets", "/bin/external-secrets")],
    { Entrypoint: ["/bin/external-secrets"], User: "65534" },
    "addons",
  ),
  // For every function that reads or writes the repository that Flux follows, with a cluster of this run or without.
  git: {
    layers: async () => [await debianLayer(), await terraformPackages(), await node()],
    config: { Cmd: ["node"] },
  },
} satisfies Partial<Record<ImageName, Recipe>>;

const prometheusFiles: Record<string, Entry> = {
  "/etc/prometheus/prometheus.yml": {
    text: `global:
  scrape_interval: 15s
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:9090]
`,
  },
  "/prometheus": { folder: 0o1777 },
};

const traefikFiles: Record<string, Entry> = {
  "/entrypoint.sh": {
    text: `#!/bin/sh
set -e
case "$1" in
  -* | healthcheck | version) set -- traefik "$@" ;;
esac
exec "$@"
`,
    mode: 0o755,
  },
};
