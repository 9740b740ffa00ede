import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The one folder outside the repository that daggerw writes to: DAGGERW_CACHE, else daggerw in XDG_CACHE_HOME or ~/.cache. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.DAGGERW_CACHE) return resolve(env.DAGGERW_CACHE);
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "daggerw");
}

/** What lies in it, each a folder: `cli` and locks of daggerw's own, the rest of embedded/. */
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

export type CacheEntry = (typeof cacheEntries)[number];

const isEntry = (name: string) => (cacheEntries as readonly string[]).includes(name);

/** Which of them daggerw has made: DAGGERW_CACHE may name a folder in which somebody else's `go` or `tmp` lies. */
const noteIn = (cache: string) => join(cache, ".daggerw");

/** The path of one of them, which is made when it isn't there. */
export function cacheEntry(cache: string, name: CacheEntry): string {
  const path = join(cache, name);
  if (mkdirSync(path, { recursive: true })) note(cache, name);
  return path;
}

function note(cache: string, name: CacheEntry): void {
  const isNoted = existsSync(noteIn(cache));
  const others = readdirSync(cache).filter((other) => other !== name);
  // A cache folder from the time before there were such notes.
  const before = !isNoted && others.includes("locks") && others.every(isEntry) ? others : [];
  appendFileSync(noteIn(cache), [...before, name].map((made) => `${made}\n`).join(""));
}

/** What daggerw has made in a cache folder: names in it, its own note among them. */
export function madeIn(cache: string): string[] {
  const names = readdirSync(cache);
  if (!existsSync(noteIn(cache))) return names.every(isEntry) && names.includes("locks") ? names : [];
  const noted = readFileSync(noteIn(cache), "utf8").split("\n");
  return names.filter((name) => (isEntry(name) && noted.includes(name)) || name === ".daggerw");
}
