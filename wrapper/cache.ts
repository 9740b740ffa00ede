import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The one folder outside the repository that daggerw writes to: DAGGERW_CACHE, else daggerw in XDG_CACHE_HOME or ~/.cache. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.DAGGERW_CACHE) return resolve(env.DAGGERW_CACHE);
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "daggerw");
}
