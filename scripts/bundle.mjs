// Starts TypeScript fast: a bundle made once by esbuild starts in a quarter of the time that tsx needs. It is kept in
// node_modules/.cache under a hash of the sources, so a changed file makes a new one.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Imports a TypeScript file. Its imports may lie in the folders given; packages stay outside of the bundle.
 * @param {string} root the repository
 * @param {string} entry
 * @param {string[]} folders all sources that the entry may import
 */
export async function importTypeScript(root, entry, folders) {
  const name = relative(root, entry).replace(/\.ts$/, "").replaceAll(/[\\/]/g, "-");
  const cache = join(root, "node_modules", ".cache", "daggerw");
  const file = join(cache, `${name}-${hashOf(folders)}.mjs`);
  if (!existsSync(file)) {
    try {
      await bundle(root, entry, file);
    } catch (error) {
      if (error.code !== "EACCES" && error.code !== "EROFS") throw error;
      // A checkout that this user can't write to: without a bundle, then.
      const { tsImport } = await import("tsx/esm/api");
      return await tsImport(pathToFileURL(entry).href, import.meta.url);
    }
    for (const other of readdirSync(cache)) {
      if (other.startsWith(`${name}-`) && join(cache, other) !== file) rmSync(join(cache, other), { force: true });
    }
  }
  return await import(pathToFileURL(file).href);
}

async function bundle(root, entry, file) {
  const { build } = await import("esbuild");
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  await build({
    entryPoints: [entry],
    outfile: draft,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    absWorkingDir: root,
    logLevel: "silent",
    sourcemap: "inline",
    plugins: [keepOwnUrl],
  });
  renameSync(draft, file);
}

/** import.meta.url stays that of the source file, since sources find their data by it. */
const keepOwnUrl = {
  name: "keep-own-url",
  setup(build) {
    build.onLoad({ filter: /\.(ts|mts|mjs|js)$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const contents = source.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href));
      return { contents, loader: path.endsWith("ts") ? "ts" : "js" };
    });
  },
};

function hashOf(folders) {
  const hash = createHash("sha256").update(process.versions.node.split(".")[0]);
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true }).sort()) {
      if (/\.(ts|mts|mjs|json)$/.test(name)) hash.update(`\0${name}\0`).update(readFileSync(join(folder, name)));
    }
  }
  return hash.digest("hex").slice(0, 16);
}
