import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The one folder outside the repository that daggerw writes to: DAGGERW_CACHE, else daggerw in XDG_CACHE_HOME or ~/.cache. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.DAGGERW_CACHE) return resolve(env.DAGGERW_CACHE);
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "daggerw");
}

/** What lies in it, each a folder: `cli` and locks of daggerw's own, the rest of embedded/. Whatever else is there is somebody else's. */
export const cacheEntries = [
  "apt",
  "built",
  "cli",
  "engine-state",
  "go",
  "locks",
  "logs",
  "npm",
  "pip",
  "run",
  "tmp",
] as const;
