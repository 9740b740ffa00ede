/**
 * Every image that a step of the pipeline runs in or takes files from: public names with exact tags. Nothing else may name
 * an image. A host without access to their registries gets images of the same names from a mirror, so this file imports
 * nothing and knows nothing of it.
 */
export const images = {
  /** The node: kubelet, kubeadm and kubectl in /usr/bin, containerd in /usr/local/bin, runc, CNI plugins, iptables. */
  node: "kindest/node:v1.35.4",
  /** Control plane, each at /usr/local/bin/<name>. */
  kubeApiserver: "registry.k8s.io/kube-apiserver:v1.35.4",
  kubeControllerManager: "registry.k8s.io/kube-controller-manager:v1.35.4",
  kubeScheduler: "registry.k8s.io/kube-scheduler:v1.35.4",
  /** The Services' rules on the node: /usr/local/bin/kube-proxy. */
  kubeProxy: "registry.k8s.io/kube-proxy:v1.35.4",
  /** etcd and etcdctl in /usr/local/bin; no shell. */
  etcd: "registry.k8s.io/etcd:3.6.8-0",
  /** The cluster's DNS: /coredns; no shell. */
  coredns: "registry.k8s.io/coredns/coredns:v1.14.3",
  /** Holds a pod's namespaces: /pause. */
  pause: "registry.k8s.io/pause:3.10.1",
  /** helm on the PATH, and a shell. */
  helm: "alpine/helm:4.3.0",
  /** /kubeconform, and a shell. */
  kubeconform: "ghcr.io/yannh/kubeconform:v0.8.0-alpine",
  /** actionlint and shellcheck on the PATH, and a shell. */
  actionlint: "rhysd/actionlint:1.7.12",
  /** A shell and small tools; the chart's test pods run in it too. */
  busybox: "busybox:1.37.0",
  /** A container registry on port 5000: /bin/registry, configured by REGISTRY_… variables. */
  registry: "registry:3.1.1",
  /** crane and a shell, both on the PATH (the shell is /busybox/sh). */
  crane: "gcr.io/go-containerregistry/crane/debug:v0.22.1",
  /** Builds the sample application: go on the PATH, GOTOOLCHAIN=local, and a shell. */
  golang: "golang:1.26-alpine",
  /** terraform on the PATH, git, certificates, and a shell. */
  terraform: "hashicorp/terraform:1.13.3",
  /** tflint on the PATH, and a shell. */
  tflint: "ghcr.io/terraform-linters/tflint:v0.64.0",
  /** The policy scan: checkov on the PATH, and a shell. */
  checkov: "bridgecrew/checkov:3.3.30",
  /** Simulates AWS: moto_server on the PATH, on port 5000 with `-H 0.0.0.0`; and a shell. */
  moto: "motoserver/moto:5.2.5",
  /** Flux's controllers, of one release (scripts/gitops.ts names it): each on the PATH. */
  sourceController: "ghcr.io/fluxcd/source-controller:v1.9.4",
  kustomizeController: "ghcr.io/fluxcd/kustomize-controller:v1.9.4",
  helmController: "ghcr.io/fluxcd/helm-controller:v1.6.3",
  notificationController: "ghcr.io/fluxcd/notification-controller:v1.9.3",
  /** Flagger: flagger in the working directory; no tag has a v. */
  flagger: "ghcr.io/fluxcd/flagger:1.44.0",
  /** loadtester in the working directory; hey, curl, jq, git, bash, helm and kubectl on the PATH. */
  flaggerLoadtester: "ghcr.io/fluxcd/flagger-loadtester:0.38.0",
  /** /bin/prometheus, /bin/promtool, and a shell. */
  prometheus: "quay.io/prometheus/prometheus:v3.14.0",
  /** What `kubectl top` and autoscalers ask: /metrics-server; no shell. */
  metricsServer: "registry.k8s.io/metrics-server/metrics-server:v0.9.0",
  /** Enforces network policies: kube-router with iptables and ipset, and a shell. */
  kubeRouter: "cloudnativelabs/kube-router:v2.1.0",
  /** A gateway (Gateway API v1): traefik on the PATH, and a shell. */
  traefik: "traefik:v3.6.12",
  /** Makes Secrets of what secret stores hold: /bin/external-secrets; no shell. */
  externalSecrets: "ghcr.io/external-secrets/external-secrets:v0.16.2",
  /** Dagger's engine and CLI, of the version in dagger.json: `dagger` on the PATH, and a shell. */
  daggerEngine: "registry.dagger.io/engine:v0.21.8",
  /** Serves repositories: git with its http-backend, node on the PATH, and a shell. */
  git: "node:24.21.0-trixie",
} as const;

export type ImageName = keyof typeof images;
