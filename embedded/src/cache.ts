// The one place that knows where the embedded parts live on this machine. Everything that embedded/ makes, downloads or
// runs is below this folder: removing it removes every trace.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CacheEntry, cacheEntry, cacheFolder, ownFolder } from "../../wrapper/cache.js";

/** This repository's embedded/ folder. */
export const embeddedDir = dirname(dirname(fileURLToPath(import.meta.url)));

/** The cache folder for an environment. */
export const cacheRoot = (env: NodeJS.ProcessEnv = process.env): string => cacheFolder(env);

const below = (name: CacheEntry, ...names: string[]) => {
  const path = join(cacheEntry(cacheRoot(), name), ...names);
  mkdirSync(path, { recursive: true });
  return path;
};

/** The folders in the cache, each made when asked for. They follow the environment, so tests can point elsewhere. */
export const cache = {
  get root() {
    return ownFolder(cacheRoot());
  },
  /** Finished results of `built()`: `<name>-<hash>`, each complete or absent. */
  get built() {
    return below("built");
  },
  /** GOPATH: sumdb's cache and Go's configuration and telemetry folders. */
  get goPath() {
    return below("go");
  },
  /** GOMODCACHE */
  get goMod() {
    return below("go", "mod");
  },
  /** GOCACHE */
  get goBuild() {
    return below("go", "build");
  },
  /** apt's own state, lists and downloaded packages for this project. */
  get apt() {
    return below("apt");
  },
  /** npm's download cache for what embedded/ installs. */
  get npm() {
    return below("npm");
  },
  /** pip's cache of downloads. */
  get pip() {
    return below("pip");
  },
  /** The Dagger engine's state. */
  get engineState() {
    return below("engine-state");
  },
  /** Sockets, pid files and generated configuration of what runs now. */
  get run() {
    return below("run");
  },
  get logs() {
    return below("logs");
  },
  get locks() {
    return below("locks");
  },
  get tmp() {
    return below("tmp");
  },
};
