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
} as const;

export type ImageName = keyof typeof images;
