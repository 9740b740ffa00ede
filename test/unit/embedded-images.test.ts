import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { assemble, changedPaths, parseReference, rootLayer, store, treeLayer } from "../../embedded/src/images.js";
import { mirror, mirrorPort } from "../../embedded/src/mirror.js";
import { recipes } from "../../embedded/src/recipes/index.js";
import { pinned } from "../../embedded/src/recipes/parts.js";
import { printTo } from "../../embedded/src/steps.js";
import { images } from "../../pipeline/src/images.js";
import { aligned, notAligned } from "../../scripts/alignGo.js";
import { temporaryFolder } from "./temporary.js";

let before: ReturnType<typeof printTo>;

beforeEach(() => {
  vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
  before = printTo(() => {});
});

afterEach(() => {
  printTo(before);
  vi.unstubAllEnvs();
});

test("every image of the table has a recipe, and every recipe an image", () => {
  expect(Object.keys(recipes).sort()).toEqual(Object.keys(images).sort());
});

test("every image has an exact name: no digest, no latest, parts that can be told apart", () => {
  for (const reference of Object.values(images)) {
    expect(parseReference(reference).tag, reference).toMatch(/\d/);
  }
});

test("images of different registries don't get in each other's way in the one mirror", () => {
  const names = Object.values(images).map((reference) => {
    const { repository, tag } = parseReference(reference);
    return `${repository}:${tag}`;
  });
  expect(new Set(names).size).toBe(names.length);
});

test("the stand-ins are of the versions that the tags promise", () => {
  const tag = (name: keyof typeof images) => parseReference(images[name]).tag;
  const kubernetes = pinned("kubernetes", "k8s.io/kubernetes");
  for (const name of ["node", "kubeApiserver", "kubeControllerManager", "kubeScheduler", "kubeProxy"] as const) {
    expect(tag(name)).toBe(kubernetes);
  }
  expect(`v${tag("etcd")}`).toBe(`${pinned("etcd", "go.etcd.io/etcd/server/v3")}-0`);
  expect(tag("coredns")).toBe(pinned("tools", "github.com/coredns/coredns"));
  expect(`v${tag("helm")}`).toBe(pinned("tools", "helm.sh/helm/v4"));
  expect(tag("kubeconform")).toBe(`${pinned("tools", "github.com/yannh/kubeconform")}-alpine`);
  expect(`v${tag("actionlint")}`).toBe(pinned("tools", "github.com/rhysd/actionlint"));
  expect(`v${tag("registry")}`).toBe(pinned("tools", "github.com/distribution/distribution/v3"));
  expect(tag("crane")).toBe(pinned("tools", "github.com/google/go-containerregistry"));
  expect(`v${tag("terraform")}`).toBe(pinned("terraform", "github.com/hashicorp/terraform"));
  expect(tag("tflint")).toBe(pinned("tflint", "github.com/terraform-linters/tflint"));
  for (const name of ["source", "kustomize", "helm", "notification"] as const) {
    expect(tag(`${name}Controller`)).toBe(pinned("flux", `github.com/fluxcd/${name}-controller`));
  }
  expect(`v${tag("flagger")}`).toBe(pinned("flagger", "github.com/fluxcd/flagger"));
  expect(tag("prometheus").replace("v3.", "v0.3")).toBe(pinned("prometheus", "github.com/prometheus/prometheus"));
  expect(tag("metricsServer")).toBe(pinned("metrics-server", "sigs.k8s.io/metrics-server"));
  expect(tag("kubeRouter")).toBe(pinned("kube-router", "github.com/cloudnativelabs/kube-router/v2"));
  expect(tag("traefik")).toBe(pinned("traefik", "github.com/traefik/traefik/v3"));
  expect(tag("daggerEngine")).toBe(pinned("engine", "github.com/dagger/dagger"));
  const externalSecrets = pinned("external-secrets", "github.com/external-secrets/external-secrets");
  expect(tag("externalSecrets")).toBe(externalSecrets);
  expect(requirements("checkov")).toContain(`checkov==${tag("checkov")}`);
  expect(requirements("moto")).toContain(`moto==${tag("moto")}`);
});

const requirements = (name: string) =>
  readFileSync(`embedded/python/${name}/requirements.txt`, "utf8")
    .replaceAll(/\[.*\]/g, "")
    .split(/[ \n]/);

test.each(["checkov", "moto"])("every package of %s is pinned, and every version by its hashes", (name) => {
  const text = readFileSync(`embedded/python/${name}/requirements.txt`, "utf8").replaceAll("\\\n", "");
  const lines = text.split("\n").filter((line) => line && !/^ *#/.test(line));
  expect(lines.length).toBeGreaterThan(50);
  for (const line of lines) expect(line).toMatch(/^[\w.[\],-]+==[\w.]+( ; [^\n]*?)?( +--hash=sha256:[0-9a-f]{64})+ *$/);
});

test("modules that are aligned require the same versions, so that what they share is compiled once", () => {
  const versions = new Map<string, Set<string>>();
  for (const name of aligned) {
    const text = readFileSync(`embedded/go/${name}/go.mod`, "utf8")
      .split(/^replace/m, 1)
      .join();
    for (const [, path = "", version = ""] of text.matchAll(/^(?:require)?\s+([\w.-]+\.\w+\/\S+) (v\S+)/gm)) {
      versions.set(path, (versions.get(path) ?? new Set()).add(version));
    }
  }
  expect(versions.size).toBeGreaterThan(400);
  for (const path of notAligned) expect(versions.delete(path)).toBe(true);
  const different = [...versions].filter(([, { size }]) => size > 1).map(([path, found]) => `${path} ${[...found]}`);
  expect(different, "`npm run align-go` raises them").toEqual([]);
});

test("Kubernetes' modules are all of the version that belongs to it", () => {
  const text = readFileSync("embedded/go/kubernetes/go.mod", "utf8");
  const version = pinned("kubernetes", "k8s.io/kubernetes").replace("v1.", "v0.");
  const replaced = [...text.matchAll(/^\t(k8s\.io\/\S+) => (\S+) (\S+)$/gm)];
  expect(replaced.length).toBeGreaterThan(25);
  for (const [, from, to, at] of replaced) expect([to, at]).toEqual([from, version]);
});

test("the mirror stands for the registries of the table", () => {
  expect(mirror().registries).toEqual([
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "quay.io",
    "registry.dagger.io",
    "registry.k8s.io",
  ]);
  expect(mirrorPort({ DAGGERW_MIRROR_PORT: "6000" })).toBe(6000);
  expect(() => mirrorPort({ DAGGERW_MIRROR_PORT: "high" })).toThrow("DAGGERW_MIRROR_PORT is not a port: high");
});

test("the images are those of the code that was loaded, however it has been edited since, and of the other files as they are", () => {
  const copy = temporaryFolder();
  for (const name of ["embedded", "wrapper", "scripts", "dagger.json", "package.json"])
    cpSync(name, join(copy, name), { recursive: true });
  mkdirSync(join(copy, "pipeline/src"), { recursive: true });
  for (const name of ["pipeline/package-lock.json", "pipeline/src/images.ts"]) cpSync(name, join(copy, name));
  symlinkSync(join(process.cwd(), "node_modules"), join(copy, "node_modules"));
  const script = `
    import { appendFileSync } from "node:fs";
    import { imageInputs } from "./embedded/src/mirror.ts";
    import { hashOf } from "./embedded/src/steps.ts";
    const hashes = [hashOf(imageInputs([]))];
    for (const name of ["src/recipes/index.ts", "python/moto/requirements.txt"]) {
      appendFileSync("embedded/" + name, "\\n");
      hashes.push(hashOf(imageInputs([])));
    }
    console.log(JSON.stringify(hashes));`;
  writeFileSync(join(copy, "hashes.ts"), script);
  const options = { cwd: copy, encoding: "utf8" } as const;
  const hashes = () => JSON.parse(execFileSync("node_modules/.bin/tsx", ["hashes.ts"], options));
  const [before, codeEdited, dataEdited] = hashes();
  expect(codeEdited).toBe(before);
  expect(dataEdited).not.toBe(before);
  writeFileSync(
    join(copy, "embedded/python/moto/requirements.txt"),
    readFileSync("embedded/python/moto/requirements.txt"),
  );
  expect(hashes()[0]).not.toBe(before);
});

test.each([
  ["busybox:1.37.0", "docker.io", "library/busybox", "1.37.0"],
  ["alpine/helm:4.3.0", "docker.io", "alpine/helm", "4.3.0"],
  ["registry.k8s.io/coredns/coredns:v1.14.3", "registry.k8s.io", "coredns/coredns", "v1.14.3"],
  ["localhost:5000/app:v0.1.0", "localhost:5000", "app", "v0.1.0"],
])("%s is taken apart", (reference, registry, repository, tag) => {
  expect(parseReference(reference)).toEqual({ registry, repository, tag });
});

test("a name without a tag is refused", () => {
  expect(() => parseReference("busybox")).toThrow("busybox is not an image name with a tag");
});

/** Layers are made by GNU tar, under a lock of flock: macOS has neither. */
const onLinux = test.runIf(process.platform === "linux");

const someLayer = (name = "some", text = "hello") =>
  treeLayer(name, { values: [text] }, async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, text);
    chmodSync(file, 0o700);
    return {
      "/bin/tool": { copy: file },
      "/bin/sh": { link: "/bin/tool" },
      "/etc/motd": { text: "welcome\n" },
      "/tmp": { folder: 0o1777 },
    };
  });

onLinux("the same content gives the same layer, byte for byte, whenever and wherever it is made", async () => {
  const first = await someLayer();
  vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
  const second = await someLayer();
  expect(second.path).not.toBe(first.path);
  expect(second.digest).toBe(first.digest);
  const { digest } = await someLayer("some", "other");
  expect(digest).not.toBe(first.digest);
});

onLinux("a layer holds what it should, as root's", async () => {
  const { path } = await someLayer();
  const list = execFileSync("tar", ["-tvf", path, "--numeric-owner"], { encoding: "utf8" }).trim().split("\n");
  const columns = list.map((line) => line.split(/\s+/)).map(([mode, owner, , , , ...name]) => [mode, owner, ...name]);
  expect(columns).toEqual([
    ["drwxr-xr-x", "0/0", "./"],
    ["drwxr-xr-x", "0/0", "./bin/"],
    ["lrwxrwxrwx", "0/0", "./bin/sh", "->", "/bin/tool"],
    ["-rwx------", "0/0", "./bin/tool"],
    ["drwxr-xr-x", "0/0", "./etc/"],
    ["-rw-r--r--", "0/0", "./etc/motd"],
    ["drwxrwxrwt", "0/0", "./tmp/"],
  ]);
});

onLinux(
  "in a layer of a Debian root the engine can add a host's authorities by itself, and take them away again",
  async () => {
    const root = join(temporaryFolder(), "root");
    for (const folder of ["usr/sbin", "etc/ssl/certs"]) mkdirSync(join(root, folder), { recursive: true });
    for (const name of ["update-ca-certificates", "other"]) writeFileSync(join(root, "usr/sbin", name), "#!/bin/sh\n");
    writeFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), "one\ntwo\n");
    const list = (path: string) => execFileSync("tar", ["-tf", path], { encoding: "utf8" }).trim().split("\n");
    const { path } = await rootLayer("test", { root });
    expect(list(path)).toEqual([
      "./etc/",
      "./etc/ssl/",
      "./etc/ssl/certs/",
      "./usr/",
      "./usr/sbin/",
      "./usr/sbin/other",
      "./etc/ssl/certs/ca-certificates.crt",
    ]);
    expect(execFileSync("tar", ["-xOf", path, "./etc/ssl/certs/ca-certificates.crt"], { encoding: "utf8" })).toBe(
      "one\ntwo\n\n",
    );
    const engines = await rootLayer("test", { root, updatesAuthorities: true });
    expect(list(engines.path)).toContain("./usr/sbin/update-ca-certificates");
  },
);

test("of a root that was copied from another, only what changed is packed", () => {
  const base = temporaryFolder();
  mkdirSync(join(base, "etc"));
  for (const name of ["same", "edited", "mode", "touched"]) writeFileSync(join(base, "etc", name), "before");
  symlinkSync("same", join(base, "link"));
  symlinkSync("same", join(base, "moved"));
  const root = temporaryFolder();
  execFileSync("cp", ["-a", `${base}/.`, root]);
  expect(changedPaths(root, base)).toEqual([]);
  writeFileSync(join(root, "etc/edited"), "after it");
  chmodSync(join(root, "etc/mode"), 0o600);
  utimesSync(join(root, "etc/touched"), 1, 1);
  mkdirSync(join(root, "new"));
  writeFileSync(join(root, "new/file"), "");
  execFileSync("ln", ["-sfn", "etc", join(root, "moved")]);
  expect(changedPaths(root, base)).toEqual(["/etc/edited", "/etc/mode", "/etc/touched", "/moved", "/new", "/new/file"]);
  expect(changedPaths(root)).toContain("/etc/same");
});

onLinux("an image's manifest names its layers and configuration by their digests and sizes", async () => {
  const layer = await someLayer();
  const image = assemble([layer], { Entrypoint: ["/bin/tool"] });
  const manifest = JSON.parse(image.manifest);
  expect(manifest.layers).toMatchObject([{ digest: layer.digest, size: layer.size }]);
  expect(manifest.config.digest).toBe(`sha256:${createHash("sha256").update(image.config).digest("hex")}`);
  expect(JSON.parse(image.config)).toMatchObject({
    os: "linux",
    config: { Entrypoint: ["/bin/tool"], Env: [expect.stringContaining("PATH=")] },
    rootfs: { diff_ids: [layer.digest] },
  });
});

onLinux("a stored image is found by its tag, with its layers as links to the built ones", async () => {
  const storage = temporaryFolder();
  const layer = await someLayer();
  await store(storage, images.busybox, [layer], {});
  const repository = join(storage, "docker/registry/v2/repositories/library/busybox");
  const digest = readFileSync(join(repository, "_manifests/tags/1.37.0/current/link"), "utf8");
  const blob = (name: string) => {
    const hex = name.replace("sha256:", "");
    return join(storage, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
  };
  const manifest = JSON.parse(readFileSync(blob(digest), "utf8"));
  expect(existsSync(blob(manifest.config.digest))).toBe(true);
  expect(readFileSync(blob(manifest.layers[0].digest))).toEqual(readFileSync(layer.path));
});
