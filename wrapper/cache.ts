import {
  accessSync,
  appendFileSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { UserError } from "./types.js";

/** The one folder outside the repository that daggerw writes to: DAGGERW_CACHE, else daggerw in XDG_CACHE_HOME or ~/.cache. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.DAGGERW_CACHE) return resolve(env.DAGGERW_CACHE);
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "daggerw");
}

/** Those that this process has looked at: a call that runs does not end because of what becomes of its folder's mode. */
const accepted = new Set<string>();

/** The cache folder, made where it isn't there, for its user alone: what it holds is run, and may be secret. */
export function ownFolder(cache: string): string {
  mkdirSync(dirname(cache), { recursive: true });
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  if (!accepted.has(cache)) {
    takeFromGroup(cache);
    refuseOthers(cache);
  }
  accepted.add(cache);
  return cache;
}

/** One of the time before, of somebody whose umask lets the group write: it is that user's own, as Debian and Fedora make it. */
function takeFromGroup(cache: string): void {
  const { uid, gid, mode } = statSync(cache);
  const isPrivate = uid === process.getuid?.() && gid === uid && uid !== 0;
  if (isPrivate && (mode & 0o022) === 0o020 && existsSync(noteIn(cache))) chmodSync(cache, 0o700);
}

/** One that others can write to may hold any programs. What root has made is used by all that may read it, as in a machine's image. */
function refuseOthers(cache: string): void {
  const { uid, mode } = statSync(cache);
  const own = process.getuid?.();
  if (own === undefined) return; // Windows has no such modes.
  if (uid !== own && uid !== 0) {
    throw new UserError(
      `The cache folder ${cache} is another user's (uid ${uid}), who can change the programs that are run from it.\n` +
        "Point DAGGERW_CACHE to a folder of your own, or to one that is not there yet: it is made for you alone.",
    );
  }
  if (uid !== own && !isReadable(cache)) {
    throw new UserError(
      `The cache folder ${cache} is root's alone (mode ${(mode & 0o7777).toString(8)}): whoever makes it for others makes it ` +
        `beforehand, for all to read.\nAs root: chmod 755 ${cache}\nOr point DAGGERW_CACHE to a folder of your own.`,
    );
  }
  if (mode & 0o022) {
    throw new UserError(
      `Others can write to the cache folder ${cache} (mode ${(mode & 0o7777).toString(8)}), and so change the programs that ` +
        "are run from it.\n" +
        `If it is daggerw's alone, and you trust what is in it: chmod 700 ${cache}\n` +
        `Else point DAGGERW_CACHE to a folder that is not there yet, such as ${join(cache, "daggerw")}: it is made for you alone.`,
    );
  }
}

function isReadable(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
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
  const path = join(ownFolder(cache), name);
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
