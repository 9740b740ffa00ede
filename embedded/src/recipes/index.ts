// A stand-in for every image of the pipeline's table: the same name, the same paths as in the public image.
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { ImageName } from "../../../pipeline/src/images.js";
import { engineBuild } from "../engine.js";
import { type GoBuild, goRoot, goVersion } from "../go.js";
import { type Recipe, treeLayer } from "../images.js";
import { daggerEngine } from "./engine.js";
import { gitopsRecipes } from "./gitops.js";
import {
  actionlintPackages,
  binaries,
  busyboxLayer,
  debianLayer,
  etcd,
  kubernetes,
  nodePackages,
  partBuilds,
  pause,
  staticLayer,
  tools,
} from "./parts.js";
import { pythonCommand, pythonLayers } from "./python.js";
import { providerLayers, terraform, terraformBuilds, terraformPackages, tflint } from "./terraform.js";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What is compiled for every machine, in that order; the rest is of the groups of `src/demand.ts`. */
export const commonBuilds = (): GoBuild[] => [engineBuild, ...partBuilds(), ...terraformBuilds];

/** A command of Kubernetes' control plane, where its image has it. */
const controlPlane = (name: string): Recipe => ({
  layers: async () => [await staticLayer(), await binaries(name, kubernetes(), { [`/usr/local/bin/${name}`]: name })],
});

/** A command in an image with a shell, as those made from Alpine. */
const withShell = (path: string, command: string, config: Recipe["config"], from = tools): Recipe => ({
  layers: async () => [await staticLayer(), await busyboxLayer(), await binaries(command, from(), { [path]: command })],
  config,
});

export const recipes: Record<ImageName, Recipe> = {
  node: {
    layers: async () => [
      await debianLayer(),
      await nodePackages(),
      await binaries("containerd", tools(), {
        "/usr/local/bin/containerd": "containerd",
        "/usr/local/bin/containerd-shim-runc-v2": "containerd-shim-runc-v2",
        "/usr/local/bin/ctr": "ctr",
      }),
      await binaries("node-commands", kubernetes(), {
        "/usr/bin/kubeadm": "kubeadm",
        "/usr/bin/kubectl": "kubectl",
        "/usr/bin/kubelet": "kubelet",
      }),
    ],
    config: { Env: [`PATH=${defaultPath}`, "container=docker"] },
  },
  kubeApiserver: controlPlane("kube-apiserver"),
  kubeControllerManager: controlPlane("kube-controller-manager"),
  kubeScheduler: controlPlane("kube-scheduler"),
  // kube-proxy calls iptables, nft and conntrack, which the node's packages bring.
  kubeProxy: {
    layers: async () => [
      await debianLayer(),
      await nodePackages(),
      await binaries("kube-proxy", kubernetes(), { "/usr/local/bin/kube-proxy": "kube-proxy" }),
    ],
  },
  etcd: {
    layers: async () => [
      await staticLayer(),
      await binaries("etcd", etcd(), { "/usr/local/bin/etcd": "server", "/usr/local/bin/etcdctl": "etcdctl" }),
    ],
  },
  coredns: {
    layers: async () => [await staticLayer(), await binaries("coredns", tools(), { "/coredns": "coredns" })],
    config: { Entrypoint: ["/coredns"], WorkingDir: "/", ExposedPorts: { "53/tcp": {}, "53/udp": {} } },
  },
  pause: {
    layers: async () => [await binaries("pause", pause(), { "/pause": "pause" })],
    config: { Entrypoint: ["/pause"], User: "65535:65535" },
  },
  helm: withShell("/usr/bin/helm", "helm", { Entrypoint: ["helm"], Cmd: ["--help"], WorkingDir: "/apps" }),
  kubeconform: withShell("/kubeconform", "kubeconform", { Entrypoint: ["/kubeconform"] }),
  actionlint: {
    layers: async () => [
      await debianLayer(),
      await actionlintPackages(),
      await binaries("actionlint", tools(), { "/usr/local/bin/actionlint": "actionlint" }),
    ],
    config: { Entrypoint: ["/usr/local/bin/actionlint"] },
  },
  busybox: { layers: async () => [await staticLayer(), await busyboxLayer()], config: { Cmd: ["sh"] } },
  registry: {
    layers: async () => [
      await staticLayer(),
      await busyboxLayer(),
      await binaries("registry", tools(), { "/bin/registry": "registry" }),
      await treeLayer("registry-files", { values: [registryFiles] }, async () => registryFiles),
    ],
    config: {
      Entrypoint: ["/entrypoint.sh"],
      Cmd: ["/etc/distribution/config.yml"],
      Env: [`PATH=${defaultPath}`, "OTEL_TRACES_EXPORTER=none"],
      ExposedPorts: { "5000/tcp": {} },
    },
  },
  crane: {
    layers: async () => [
      await staticLayer(),
      await busyboxLayer("/busybox"),
      await binaries("crane", tools(), { "/ko-app/crane": "crane" }),
    ],
    config: { Entrypoint: ["/ko-app/crane"], Env: [`PATH=${defaultPath}:/busybox:/ko-app`] },
  },
  golang: {
    layers: async () => [await staticLayer(), await busyboxLayer(), await goLayer()],
    config: {
      Cmd: ["sh"],
      Env: [`PATH=/go/bin:/usr/local/go/bin:${defaultPath}`, "GOTOOLCHAIN=local", "GOPATH=/go"],
      WorkingDir: "/go",
    },
  },
  // Debian's /bin is a link to /usr/bin; the public image has /bin/terraform.
  terraform: {
    layers: async () => [
      await debianLayer(),
      await terraformPackages(),
      await binaries("terraform", terraform(), { "/usr/bin/terraform": "terraform" }),
    ],
    demanded: { by: "terraform", layers: providerLayers },
    config: { Entrypoint: ["/bin/terraform"] },
  },
  tflint: withShell("/usr/local/bin/tflint", "tflint", { Entrypoint: ["tflint"], WorkingDir: "/data" }, tflint),
  checkov: {
    demanded: {
      by: "terraform",
      layers: async () => [...(await pythonLayers()), await pythonCommand("checkov", "checkov")],
    },
    config: { Entrypoint: ["checkov"] },
  },
  moto: {
    demanded: {
      by: "simulator",
      layers: async () => [...(await pythonLayers()), await pythonCommand("moto", "moto_server")],
    },
    config: { Entrypoint: ["/usr/local/bin/moto_server"], Cmd: ["-H", "0.0.0.0"], ExposedPorts: { "5000/tcp": {} } },
  },
  ...gitopsRecipes,
  daggerEngine,
};

/** This machine's Go, without what only its own development needs. */
function goLayer() {
  const from = goRoot();
  // Those that this Go has: a distribution's package leaves some out, and others are links to elsewhere.
  const folders = ["bin", "lib", "pkg/include", "pkg/tool", "src", "go.env", "VERSION"].filter((name) =>
    existsSync(join(from, name)),
  );
  // The compiler's own source, and tests.
  const without = /\/go\/src\/cmd$|\/testdata$|_test\.go$/;
  return treeLayer("golang", { values: [goVersion(), folders, without.source] }, async () => ({
    "/go/bin": { folder: 0o777 },
    "/go/src": { folder: 0o777 },
    ...Object.fromEntries(
      folders.map((name) => [`/usr/local/go/${name}`, { copy: realpathSync(join(from, name)), without }]),
    ),
  }));
}

const registryFiles = {
  "/entrypoint.sh": {
    text: `#!/bin/sh
set -e
case "$1" in
  *.yaml | *.yml) set -- registry serve "$@" ;;
  serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
`,
    mode: 0o755,
  },
  "/etc/distribution/config.yml": {
    text: `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`,
  },
  "/var/lib/registry": { folder: 0o755 },
};
