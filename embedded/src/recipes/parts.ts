// What the images are made of: binaries from Go modules, Debian roots, and the layers that several images share.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { embeddedDir } from "../cache.js";
import { debianBase, debianRoot } from "../debian.js";
import { type GoBuild, goBuild } from "../go.js";
import { type Blob, certificates, type Entry, keyOf, rootLayer, treeLayer } from "../images.js";
import { $ } from "../shell.js";

/** The version that a wrapper module in embedded/go pins a module to. */
export function pinned(wrapper: string, module: string): string {
  const text = readFileSync(join(embeddedDir, "go", wrapper, "go.mod"), "utf8");
  const version = text.match(new RegExp(`^\\s*(?:require )?${module.replaceAll(".", "\\.")} (v\\S+)`, "m"))?.[1];
  if (!version) throw new Error(`embedded/go/${wrapper}/go.mod requires no ${module}`);
  return version;
}

/** Linker flags that set variables. */
export const stamp = (variables: Record<string, string>) =>
  ["-s -w", ...Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)].join(" ");

const kubernetesBuild = (): GoBuild => {
  const version = pinned("kubernetes", "k8s.io/kubernetes");
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const variables = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((name) => [
    [`${name}.gitVersion`, version],
    [`${name}.gitMajor`, major],
    [`${name}.gitMinor`, minor],
    [`${name}.gitTreeState`, "clean"],
  ]);
  return {
    module: "kubernetes",
    ldflags: stamp(Object.fromEntries(variables)),
    title: `build Kubernetes ${version} from Go modules`,
  };
};

const toolsBuild = (): GoBuild => {
  const version = (module: string) => pinned("tools", module);
  return {
    module: "tools",
    tags: ["no_btrfs", "no_devmapper", "no_tracing", "no_zfs"],
    ldflags: stamp({
      "github.com/containerd/containerd/v2/version.Version": version("github.com/containerd/containerd/v2"),
      "github.com/distribution/distribution/v3/version.version": version("github.com/distribution/distribution/v3"),
      "github.com/google/go-containerregistry/cmd/crane/cmd.Version": version("github.com/google/go-containerregistry"),
      "github.com/rhysd/actionlint.version": version("github.com/rhysd/actionlint").replace("v", ""),
      "helm.sh/helm/v4/internal/version.version": version("helm.sh/helm/v4"),
      // kubeconform's; the other commands' main packages have no variable of that name that they print.
      "main.version": version("github.com/yannh/kubeconform"),
    }),
    title: "build containerd, CoreDNS, Helm, registry and small tools from Go modules",
  };
};

const etcdBuild: GoBuild = { module: "etcd" };
const pauseBuild: GoBuild = { module: "pause", packages: ["."] };

/** Kubernetes' commands, which report the version that they are. */
export const kubernetes = () => goBuild(kubernetesBuild());

/** containerd, CoreDNS, the registry, Helm and the small tools. */
export const tools = () => goBuild(toolsBuild());

export const etcd = () => goBuild(etcdBuild);

export const pause = () => goBuild(pauseBuild);

/** What is built for the images that no group has, in that order. */
export const partBuilds = () => [toolsBuild(), kubernetesBuild(), etcdBuild, pauseBuild];

/** A layer with commands from a folder of binaries: path in the image → name in the folder. */
export async function binaries(name: string, folder: Promise<string>, files: Record<string, string>): Promise<Blob> {
  const from = await folder;
  return await treeLayer(name, { values: [keyOf(from), files] }, async () =>
    Object.fromEntries(Object.entries(files).map(([path, file]) => [path, { copy: join(from, file) }])),
  );
}

/** Root of the packages that the small images take files from. */
export const toolsRoot = () => debianRoot("tools", ["busybox-static", "ca-certificates", "shellcheck"]);

export const debianLayer = async () => rootLayer("debian", { root: await debianBase() });

const accounts: Record<string, Entry> = {
  "/etc/passwd": {
    text: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nnonroot:x:65532:65532:nonroot:/home/nonroot:/bin/false\n",
  },
  "/etc/group": { text: "root:x:0:\nnogroup:x:65534:\nnobody:x:65534:\nnonroot:x:65532:\n" },
  "/etc/nsswitch.conf": { text: "hosts: files dns\n" },
};

/** Accounts and certificate authorities: all that a static binary needs. */
export async function staticLayer(): Promise<Blob> {
  const root = await toolsRoot();
  return await treeLayer("static", { values: [keyOf(dirname(root)), accounts] }, async () => ({
    ...accounts,
    [certificates]: { copy: join(root, certificates) },
    "/root": { folder: 0o700 },
    "/tmp": { folder: 0o1777 },
  }));
}

/** Busybox with a link for each of its commands: at their usual paths, or all in one folder. */
export async function busyboxLayer(folder?: string): Promise<Blob> {
  const root = await toolsRoot();
  const busybox = join(root, "usr/bin/busybox");
  const inputs = { values: [keyOf(dirname(root)), folder ?? null] };
  return await treeLayer(folder ? `busybox${folder.replaceAll("/", "-")}` : "busybox", inputs, async () => {
    const { stdout } = await $({ quiet: true })`${busybox} --list-full`;
    const commands = stdout.trim().split("\n");
    const place = (path: string) => (folder ? join(folder, basename(path)) : `/${path}`);
    const target = folder ? `${folder}/busybox` : "/bin/busybox";
    return {
      ...Object.fromEntries(commands.map((path): [string, Entry] => [place(path), { link: target }])),
      [target]: { copy: busybox },
    };
  });
}

/**
 * The packages of kind's node image that a node without systemd needs, with runc and the CNI plugins (of which kind has
 * four) where kind has them.
 */
export async function nodePackages(): Promise<Blob> {
  const root = await debianRoot("node", [
    "bash",
    "ca-certificates",
    "conntrack",
    "containernetworking-plugins",
    "curl",
    "ethtool",
    "iproute2",
    "iptables",
    "jq",
    "kmod",
    "mount",
    "nftables",
    "procps",
    "runc",
    "util-linux",
  ]);
  return await rootLayer("node-packages", {
    root,
    base: await debianBase(),
    without: /^\/usr\/lib\/cni\/(?!(host-local|loopback|portmap|ptp)$)/,
    moved: ["s,^./usr/lib/cni,./opt/cni/bin,", "s,^./usr/sbin/runc$,./usr/local/sbin/runc,"],
  });
}

/** shellcheck, which actionlint calls for the scripts in workflows. */
export async function actionlintPackages(): Promise<Blob> {
  return await rootLayer("actionlint-packages", { root: await toolsRoot(), base: await debianBase() });
}
