// OCI images made of layers: tar files whose bytes depend on their content only (sorted, one fixed time), so that unchanged
// input gives unchanged digests. Layers aren't compressed: they never leave this machine.
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { chmod, cp, link, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Group } from "../../wrapper/types.js";
import { goArch } from "./go.js";
import { $ } from "./shell.js";
import { built, hashOf, type Inputs, sha256File } from "./steps.js";

/** Time of every file in every layer. */
const fileTime = "2025-01-01T00:00:00Z";

export type Blob = { digest: string; size: number; path: string };

/** The settings of an image that containers start with, as in the OCI image specification. */
export type ImageConfig = {
  Entrypoint?: string[];
  Cmd?: string[];
  Env?: string[];
  WorkingDir?: string;
  User?: string;
  ExposedPorts?: Record<string, object>;
};

/** What is built only for the calls that need it (`src/demand.ts`). */
export type GroupName = Group;

/** How an image's stand-in is made. */
export type Recipe = {
  /** Makes its layers, lowest first; layers of one name are the same layer. */
  layers?: () => Promise<Blob[]>;
  /** Layers above those, once their group has been built. An image that has no others is only there then. */
  demanded?: { by: GroupName; layers: () => Promise<Blob[]> };
  config?: ImageConfig;
};

/** A file or folder of a layer, owned by root: copied from this machine, a link, a text, or an empty folder of a mode. */
export type Entry =
  | { copy: string; without?: RegExp }
  | { link: string }
  | { text: string; mode?: number }
  | { folder: number };

/** A layer with the given entries by absolute path. `inputs` is what their content depends on. */
export function treeLayer(name: string, inputs: Inputs, entries: () => Promise<Record<string, Entry>>): Promise<Blob> {
  return layer(name, inputs, async (outDir, tar) => {
    const tree = join(outDir, "tree");
    for (const [path, entry] of Object.entries(await entries())) {
      const target = join(tree, path);
      await mkdir(dirname(target), { recursive: true });
      if ("folder" in entry) {
        await mkdir(target);
        await chmod(target, entry.folder);
      } else if ("link" in entry) await symlink(entry.link, target);
      else if ("text" in entry) {
        await writeFile(target, entry.text);
        await chmod(target, entry.mode ?? 0o644);
      } else {
        await place(entry.copy, target);
        if (entry.without) await removeMatching(target, entry.without);
      }
    }
    await $({ quiet: true })`tar ${tarOptions} --owner=0 --group=0 --sort=name -C ${tree} -cf ${tar} .`;
    rmSync(tree, { recursive: true });
  });
}

/** Hard links where the file system allows it: a tree only lives until it is packed. */
async function place(source: string, target: string) {
  const linked = await $({ quiet: true, nothrow: true })`cp -al ${source} ${target}`;
  if (linked.exitCode === 0) return;
  await rm(target, { recursive: true, force: true });
  await $({ quiet: true })`cp -a --reflink=auto ${source} ${target}`;
}

async function removeMatching(path: string, pattern: RegExp) {
  if (pattern.test(path)) return await rm(path, { recursive: true });
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) await removeMatching(join(path, name), pattern);
}

export type RootLayer = {
  root: string;
  /** The root below: only what differs from it is packed. */
  base?: string;
  /** Paths that are left out, and sed-like replacements of paths, as tar's --transform takes them. */
  without?: RegExp;
  moved?: string[];
  /** Whether the command that makes certificate authorities known stays, where something in the image calls it. */
  updatesAuthorities?: boolean;
};

/**
 * On a host with authorities of its own the engine adds them to every container that it runs, and takes them away afterwards.
 * With Debian's command in the image that is two more containers and two seconds each time; without it the engine does it
 * itself (engineutil/cacerts/distros.go of 0.21.8).
 */
const UPDATES_AUTHORITIES = "/usr/sbin/update-ca-certificates";

/** Where images have the certificate authorities. */
export const certificates = "/etc/ssl/certs/ca-certificates.crt";

/** A layer with a Debian root, or with what it has over the base that it was copied from. */
export function rootLayer(
  name: string,
  { root, base, without, moved = [], updatesAuthorities = false }: RootLayer,
): Promise<Blob> {
  const roots = [root, base].map((path) => path && basename(dirname(path)));
  const inputs = { values: [roots, `${without}`, moved, updatesAuthorities, rootLayerVersion] };
  return layer(name, inputs, async (outDir, tar) => {
    const leftOut = (path: string) =>
      without?.test(path) || path === certificates || (path === UPDATES_AUTHORITIES && !updatesAuthorities);
    const paths = changedPaths(root, base);
    const list = join(outDir, "paths");
    const packed = paths.filter((path) => !leftOut(path));
    writeFileSync(list, packed.map((path) => `.${path}\0`).join(""));
    const transforms = moved.map((expression) => `--transform=${expression}`);
    await $({
      quiet: true,
    })`tar ${tarOptions} -C ${root} --no-recursion ${transforms} --null --files-from ${list} -cf ${tar}`;
    rmSync(list);
    if (paths.includes(certificates)) await addAuthorities(root, outDir, tar);
  });
}

/** An empty line at the end: by it the engine tells what it has added from what was there, and takes no more and no less away. */
async function addAuthorities(root: string, outDir: string, tar: string) {
  const folder = join(outDir, "more");
  mkdirSync(dirname(join(folder, certificates)), { recursive: true });
  writeFileSync(join(folder, certificates), `${readFileSync(join(root, certificates), "utf8").trimEnd()}\n\n`);
  await $({ quiet: true })`tar ${tarOptions} --owner=0 --group=0 -C ${folder} -rf ${tar} .${certificates}`;
  rmSync(folder, { recursive: true });
}

/** Part of the hash of layers of Debian roots: change it when what is above does other things to them. */
const rootLayerVersion = 2;

const tarOptions = [
  "--format=gnu",
  "--numeric-owner",
  `--mtime=${fileTime}`,
  "--no-xattrs",
  "--no-selinux",
  "--no-acls",
];

/** Paths in a folder, sorted; with a base, those whose kind, size, time, mode, owner or link target differ from it. */
export function changedPaths(root: string, base?: string): string[] {
  const found: string[] = [];
  const visit = (folder: string) => {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const path = `${folder}/${name}`;
      const stat = lstatSync(join(root, path));
      if (!base || differs(stat, join(root, path), join(base, path))) found.push(path);
      if (stat.isDirectory()) visit(path);
    }
  };
  visit("");
  return found;
}

function differs(stat: ReturnType<typeof lstatSync>, path: string, basePath: string): boolean {
  if (!stat) return false;
  const before = lstatSync(basePath, { throwIfNoEntry: false });
  if (!before || before.mode !== stat.mode || before.uid !== stat.uid || before.gid !== stat.gid) return true;
  if (stat.isSymbolicLink()) return readlinkSync(path) !== readlinkSync(basePath);
  return stat.isFile() && (before.size !== stat.size || before.mtimeMs !== stat.mtimeMs);
}

async function layer(
  name: string,
  inputs: Inputs,
  pack: (outDir: string, tar: string) => Promise<void>,
): Promise<Blob> {
  const values = [...(inputs.values ?? []), fileTime, layerVersion];
  const result = await built(
    `layer-${name}`,
    { ...inputs, values },
    async (outDir) => {
      const tar = join(outDir, "layer.tar");
      await pack(outDir, tar);
      const digest = `sha256:${await sha256File(tar)}`;
      writeFileSync(join(outDir, "layer.json"), JSON.stringify({ digest, size: lstatSync(tar).size }));
    },
    { quiet: true },
  );
  return { ...JSON.parse(readFileSync(join(result, "layer.json"), "utf8")), path: join(result, "layer.tar") };
}

/** Part of every layer's hash: change it when what this file does to layers changes. */
const layerVersion = 1;

/** The manifest and configuration of an image with these layers. */
export function assemble(layers: Blob[], config: ImageConfig = {}): { manifest: string; config: string } {
  const image = {
    architecture: goArch(),
    os: "linux",
    created: fileTime,
    config: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], ...config },
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created: fileTime })),
  };
  const configText = JSON.stringify(image);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digestOf(configText), size: Buffer.byteLength(configText) },
    layers: layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
  };
  return { manifest: JSON.stringify(manifest), config: configText };
}

const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
};

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** A public image name taken apart; names without a registry are Docker Hub's, and its official images are in library/. */
export function parseReference(reference: string): { registry: string; repository: string; tag: string } {
  const match = /^(?:([^/]*[.:][^/]*|localhost)\/)?([^:@]+):([\w.-]+)$/.exec(reference);
  if (!match) throw new Error(`${reference} is not an image name with a tag`);
  const [, registry = "docker.io", name = "", tag = ""] = match;
  const repository = registry === "docker.io" && !name.includes("/") ? `library/${name}` : name;
  return { registry, repository, tag };
}

/**
 * Adds an image to the storage folder of a distribution registry, in the layout of its file system driver. The layers are
 * hard links, so the storage takes no space of its own.
 */
export async function store(storage: string, reference: string, layers: Blob[], config?: ImageConfig): Promise<void> {
  const { repository, tag } = parseReference(reference);
  const image = assemble(layers, config);
  const v2 = join(storage, "docker/registry/v2");
  const inRepository = (...path: string[]) => join(v2, "repositories", repository, ...path);
  for (const blob of layers) await linkBlob(v2, blob);
  for (const text of [image.config, image.manifest]) await writeNew(blobPath(v2, digestOf(text)), text);
  for (const digest of [...layers.map(({ digest }) => digest), digestOf(image.config)]) {
    await writeNew(inRepository("_layers/sha256", hex(digest), "link"), digest);
  }
  const manifest = digestOf(image.manifest);
  for (const path of [
    ["_manifests/revisions/sha256", hex(manifest), "link"],
    ["_manifests/tags", tag, "index/sha256", hex(manifest), "link"],
    ["_manifests/tags", tag, "current/link"],
  ]) {
    await writeNew(inRepository(...path), manifest);
  }
}

const hex = (digest: string) => digest.replace("sha256:", "");
const blobPath = (v2: string, digest: string) => join(v2, "blobs/sha256", hex(digest).slice(0, 2), hex(digest), "data");

async function linkBlob(v2: string, { digest, path }: Blob) {
  const target = blobPath(v2, digest);
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  await link(path, target).catch(() => cp(path, target));
}

async function writeNew(path: string, text: string) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Key of a built folder for the inputs of what is made from it: its name holds the hash of its own inputs. */
export const keyOf = (...builtPaths: string[]) => hashOf({ values: builtPaths.map((path) => basename(path)) });
