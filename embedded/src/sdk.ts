// The content that the engine loads its built-in TypeScript SDK from: an image in an OCI layout, made of embedded/sdk, Node
// and the npm packages of the SDK and of the module in pipeline/.
import { createHash } from "node:crypto";
import { cpSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { basename, join } from "node:path";
import { embeddedDir } from "./cache.js";
import { engineBinaries, engineRoot } from "./engine.js";
import { assemble, certificates } from "./images.js";
import { nodeBinary, npmEnvironment } from "./node.js";
import { $ } from "./shell.js";
import { built, isEditors, sha256File } from "./steps.js";

/** The Node that runs modules: the release line of the official SDK image. Another one is pinned in node.ts first. */
export const NODE_VERSION = "24.21.0";

const sdkDir = join(embeddedDir, "sdk");
const moduleDir = join(embeddedDir, "..", "pipeline");

/** What Node links to, and what a shell needs: taken from Debian. */
const LIBRARIES = ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1"];

/**
 * What no call reads: the engine unpacks the image, file by file, before its first call. Node takes build/src of
 * OpenTelemetry's packages, and esbuild build/esm.
 */
const UNREAD = {
  files: ["*.map", "*.md", "*.d.ts", "*.d.mts", "*.d.cts"],
  folders: ["*/@opentelemetry/*/build/esnext"],
};

/** The content folder and the digest of the image's manifest. */
export async function sdkContent(): Promise<{ content: string; digest: string }> {
  const base = await baseLayer();
  const files = [join(sdkDir, "runtime"), join(sdkDir, "src")];
  const content = await built(
    "sdk",
    { files, values: [base] },
    async (outDir) => {
      const image = join(outDir, "image");
      mkdirSync(join(image, "rootfs/sdk"), { recursive: true });
      const sources = { recursive: true, filter: (path: string) => !isEditors(basename(path)) };
      cpSync(join(sdkDir, "runtime"), join(image, "runtime"), sources);
      cpSync(join(sdkDir, "src"), join(image, "rootfs/sdk/src"), sources);
      const layer = join(outDir, "layer.tar");
      await pack(image, layer);
      rmSync(image, { recursive: true });
      await writeOciLayout([join(base, "layer.tar"), layer], outDir);
      rmSync(layer);
    },
    { title: "make the TypeScript SDK's content" },
  );
  return { content, digest: readFileSync(join(content, "digest"), "utf8") };
}

/** The large part of the image, which changes seldom: Node, the code generator and the npm packages. */
async function baseLayer(): Promise<string> {
  const binaries = await engineBinaries();
  const root = await engineRoot();
  const files = [join(sdkDir, "package-lock.json"), join(moduleDir, "package-lock.json")];
  return await built(
    "sdk-base",
    { files, values: [binaries, root, NODE_VERSION, LIBRARIES, UNREAD] },
    async (outDir, detail) => {
      const image = join(outDir, "image");
      const rootfs = join(image, "rootfs");
      mkdirSync(rootfs, { recursive: true });
      detail("system files");
      systemFiles(root, rootfs);
      cpSync(join(binaries, "codegen"), join(rootfs, "usr/local/bin/codegen"));
      detail("Node");
      cpSync(await nodeBinary(NODE_VERSION), join(rootfs, "usr/local/bin/node"));
      detail("npm packages");
      await Promise.all([npmPackages(sdkDir, join(rootfs, "sdk")), npmPackages(moduleDir, join(rootfs, "packages"))]);
      await slim(rootfs);
      detail("packing");
      await pack(image, join(outDir, "layer.tar"));
      rmSync(image, { recursive: true });
    },
    { title: "make the TypeScript SDK's base: Node and npm packages" },
  );
}

function systemFiles(root: string, rootfs: string) {
  for (const dir of ["usr/local/bin", "usr/bin", "usr/lib", "etc/ssl/certs", "tmp", "root", "proc", "sys", "dev"]) {
    mkdirSync(join(rootfs, dir), { recursive: true });
  }
  for (const [link, target] of [
    ["bin", "usr/bin"],
    ["lib", "usr/lib"],
    ["lib64", "usr/lib64"],
  ] as const) {
    $.sync({ quiet: true })`ln -s ${target} ${join(rootfs, link)}`;
  }
  const triplet = `${arch() === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
  mkdirSync(join(rootfs, "usr/lib", triplet), { recursive: true });
  mkdirSync(join(rootfs, "usr/lib64"), { recursive: true });
  for (const name of LIBRARIES) {
    cpSync(join(root, "usr/lib", triplet, name), join(rootfs, "usr/lib", triplet, name), {
      dereference: true,
      force: true,
    });
  }
  const loader = arch() === "arm64" ? "usr/lib/ld-linux-aarch64.so.1" : "usr/lib64/ld-linux-x86-64.so.2";
  cpSync(join(root, loader), join(rootfs, loader), { dereference: true });
  cpSync(join(root, certificates), join(rootfs, certificates));
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\n");
  writeFileSync(join(rootfs, "etc/nsswitch.conf"), "hosts: files dns\n");
}

/** The packages of a folder's lock file, without those for development, and the lock file beside them. */
async function npmPackages(from: string, to: string) {
  mkdirSync(to, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) cpSync(join(from, file), join(to, file));
  await $({ quiet: true, cwd: to, env: npmEnvironment() })`npm ci --omit=dev --no-audit --no-fund --no-bin-links`;
}

async function slim(rootfs: string) {
  const any = (test: string, patterns: string[]) => [
    "(",
    ...patterns.flatMap((pattern) => ["-o", test, pattern]).slice(1),
    ")",
  ];
  for (const dir of ["sdk/node_modules", "packages/node_modules"]) {
    const folder = join(rootfs, dir);
    await $({ quiet: true })`find ${folder} -type d ${any("-path", UNREAD.folders)} -prune -exec rm -r {} +`;
    // The compiler's lib.*.d.ts are what the introspector reads.
    await $({
      quiet: true,
    })`find ${folder} -type f ${any("-name", UNREAD.files)} -not -path ${"*/typescript/lib/lib.*"} -delete`;
  }
}

/** Packs a folder as an image's layer. Sorted names and one time: the same files make the same digest. */
async function pack(folder: string, layer: string) {
  await $({ quiet: true })`tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C ${folder} -cf ${layer} .`;
}

/** Writes an image of layers into blobs/sha256, and its manifest's digest beside it. */
async function writeOciLayout(files: string[], outDir: string) {
  const blobs = join(outDir, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const layers = [];
  for (const path of files) {
    const hash = await sha256File(path);
    linkSync(path, join(blobs, hash)); // the large one exists once on the disk
    layers.push({ digest: `sha256:${hash}`, size: statSync(path).size, path });
  }
  const image = assemble(layers);
  const add = (text: string) => {
    const hash = createHash("sha256").update(text).digest("hex");
    writeFileSync(join(blobs, hash), text);
    return `sha256:${hash}`;
  };
  add(image.config);
  writeFileSync(join(outDir, "digest"), add(image.manifest));
}
