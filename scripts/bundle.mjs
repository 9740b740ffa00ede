// Starts TypeScript fast: a bundle made once by esbuild starts in a quarter of the time that tsx needs. It is kept in
// node_modules/.cache under a hash of the sources that went into it, so a changed file makes a new one.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Part of every bundle's hash, as it was loaded. */
const ownText = readFileSync(fileURLToPath(import.meta.url));

/**
 * Imports a TypeScript file. Packages stay outside of the bundle.
 * @param {string} root the repository
 * @param {string} entry
 */
export async function importTypeScript(root, entry) {
  const cache = join(root, "node_modules", ".cache", "daggerw");
  const name = relative(root, entry).replaceAll(/[\\/]/g, "-");
  let file = upToDate(root, cache, name);
  if (!file) {
    try {
      file = await bundle(root, cache, name, entry);
    } catch (error) {
      if (error.code !== "EACCES" && error.code !== "EROFS") throw error;
      // A checkout that this user can't write to: without a bundle, then.
      const { tsImport } = await import("tsx/esm/api");
      return await tsImport(pathToFileURL(entry).href, import.meta.url);
    }
  }
  return await import(pathToFileURL(file).href);
}

/** The bundle that was made last, if its sources are still the same. */
function upToDate(root, cache, name) {
  try {
    const { inputs, file, hash } = JSON.parse(readFileSync(join(cache, `${name}.json`), "utf8"));
    return hashOf(root, inputs) === hash ? join(cache, file) : undefined;
  } catch {
    return undefined;
  }
}

async function bundle(root, cache, name, entry) {
  const { build } = await import("esbuild");
  mkdirSync(cache, { recursive: true });
  const bundled = new Map();
  const { metafile, outputFiles } = await build({
    entryPoints: [entry],
    write: false,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    absWorkingDir: root,
    logLevel: "silent",
    metafile: true,
    plugins: [keepOwnPlace(bundled)],
  });
  const inputs = Object.keys(metafile.inputs).sort();
  const hash = hashOf(root, inputs, bundled);
  const file = `${name}-${hash}.mjs`;
  write(join(cache, file), outputFiles[0].contents);
  write(join(cache, `${name}.json`), JSON.stringify({ inputs, file, hash }));
  for (const other of readdirSync(cache)) {
    if (other.startsWith(`${name}-`) && other.endsWith(".mjs") && other !== file)
      rmSync(join(cache, other), { force: true });
  }
  return join(cache, file);
}

/** The file appears whole or not at all, also for another process that starts at the same time. */
function write(file, content) {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, file);
}

/** import.meta stays that of the source file, since sources find their data by it. Their texts are noted by their paths. */
const keepOwnPlace = (texts) => ({
  name: "keep-own-place",
  setup(build) {
    build.onLoad({ filter: /\.(ts|mts|mjs|js)$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      texts.set(path, text);
      const contents = text
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href))
        .replaceAll("import.meta.filename", JSON.stringify(path))
        .replaceAll("import.meta.dirname", JSON.stringify(resolve(path, "..")));
      return { contents, loader: path.endsWith("ts") ? "ts" : "js" };
    });
  },
});

/** Of the texts that were bundled, where they are given: a source may have changed since it was read. */
function hashOf(root, inputs, texts = new Map()) {
  const hash = createHash("sha256").update(root).update(ownText);
  for (const input of inputs) {
    const path = join(root, input);
    hash.update(`\0${input}\0`).update(texts.get(path) ?? readFileSync(path));
  }
  return hash.digest("hex").slice(0, 16);
}
