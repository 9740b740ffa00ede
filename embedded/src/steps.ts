// Steps that say what they do and how long it takes, and results that are complete or absent.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { arch } from "node:os";
import { basename, join } from "node:path";
import { cache } from "./cache.js";
import { $ } from "./shell.js";

/** How often a long step says that it is still at work. */
const HEARTBEAT_MS = 30_000;

let output: (line: string) => void = (line) => void process.stderr.write(`${line}\n`);

/** Redirects what the steps print (for tests, or a quiet caller); returns the sink before. */
export function printTo(sink: (line: string) => void) {
  const before = output;
  output = sink;
  return before;
}

export const seconds = (ms: number) =>
  ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;

export const megabytes = (bytes: number) =>
  bytes < 1e9 ? `${Math.max(1, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`;

/** Prints a line that belongs to no step. */
export const say = (line: string) => output(line);

/** The steps that are at work now, in the order of their start. */
const running: symbol[] = [];

/**
 * Runs a piece of work under a title: prints its start, a line each 30 s, and its end with the time it took. The work may
 * call `detail` with what it is at; that is shown in the 30 s lines, and the last one at the end.
 */
export async function step<T>(title: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T> {
  const started = Date.now();
  let latest = "";
  const suffix = () => (latest ? `: ${latest}` : "");
  const self = Symbol(title);
  running.push(self);
  output(`▸ ${title}`);
  const heartbeat = setInterval(() => {
    // Of steps in steps, the innermost speaks.
    if (running.at(-1) === self) output(`  ${title}, ${seconds(Date.now() - started)} so far${suffix()}`);
  }, HEARTBEAT_MS);
  try {
    const result = await work((text) => {
      latest = text;
    });
    output(`✔ ${title}, ${seconds(Date.now() - started)}${suffix()}`);
    return result;
  } catch (error) {
    output(`✘ ${title}, failed after ${seconds(Date.now() - started)}`);
    throw error;
  } finally {
    clearInterval(heartbeat);
    running.splice(running.indexOf(self), 1);
  }
}

/** What a result depends on: the content of files and folders, and anything else that JSON can hold. */
export type Inputs = { files?: string[]; values?: unknown[] };

/** What vim and emacs leave beside a file that is open: it comes and goes while a result is made, and goes into none. */
export const isEditors = (name: string) => /^\..*\.sw[a-p]$|^\.#|^#.*#$|~$/.test(name);

/** Hash of a result's inputs. Where the files lie doesn't matter; their names below the given paths do. */
export function hashOf({ files = [], values = [] }: Inputs): string {
  const hash = createHash("sha256").update(JSON.stringify([arch(), values]));
  const add = (path: string, name: string) => {
    const stat = lstatSync(path);
    if (stat.isDirectory()) {
      for (const entry of readdirSync(path).sort()) if (!isEditors(entry)) add(join(path, entry), `${name}/${entry}`);
    } else if (stat.isSymbolicLink()) {
      hash.update(`\0link ${name}\0${readlinkSync(path)}`);
    } else {
      hash.update(`\0file ${name} ${stat.mode & 0o111 ? "x" : "-"} ${stat.size}\0`).update(readFileSync(path));
    }
  };
  files.forEach((path, index) => {
    add(path, `${index}`);
  });
  return hash.digest("hex").slice(0, 16);
}

/** Where `built` puts (or has put) a result. */
export const builtPath = (name: string, inputs: Inputs) => join(cache.built, `${name}-${hashOf(inputs)}`);

export type BuildOptions = {
  /** What the step is called when it has to run; default: `build <name>`. */
  title?: string;
  /** For results that take a moment: prints nothing, as part of a step that says what it is at. */
  quiet?: boolean;
  /** What is done once the result is there, by who has made it, while nobody else can begin to make another. */
  afterwards?: () => Promise<void>;
};

/**
 * A result folder made from its inputs: `built/<name>-<hash>`. An existing one is returned at once. Otherwise `build` fills
 * a temporary folder, which gets its name only when it is whole, and older results of the same name are removed. So an
 * interruption or a full disk leaves nothing half done, and the next run goes on with what is missing. Two processes that
 * want the same result build it once.
 */
export async function built(
  name: string,
  inputs: Inputs,
  build: (outDir: string, detail: (text: string) => void) => Promise<void>,
  { title = `build ${name}`, quiet = false, afterwards }: BuildOptions = {},
): Promise<string> {
  const result = builtPath(name, inputs);
  if (existsSync(result)) return result;
  return await locked(name, async () => {
    if (existsSync(result)) return result;
    const make = async (detail: (text: string) => void) => {
      await removeOthers(name, /^\.new-(.*)-[0-9a-f]{16}$/);
      const temporary = join(cache.built, `.new-${basename(result)}`);
      mkdirSync(temporary);
      try {
        await build(temporary, detail);
        if (builtPath(name, inputs) !== result) throw new Error(changedMeanwhile(name, inputs));
      } catch (error) {
        await removeTree(temporary).catch(() => {});
        throw explained(error);
      }
      const { stdout } = await $({ quiet: true })`du -sk ${temporary}`;
      detail(megabytes(Number.parseInt(stdout, 10) * 1024));
      await rename(temporary, result);
      await removeOthers(name, /^(.*)-[0-9a-f]{16}$/, result);
      await afterwards?.();
      return result;
    };
    return await withOwnUmask(async () => (quiet ? await make(() => {}) : await step(title, make)));
  });
}

/** Kept under the name of what was there before, half of the new would never be made anew. */
const changedMeanwhile = (name: string, { files = [] }: Inputs) =>
  `What ${name} is made of has changed while it was made, and it may be half of the old and half of the new: run again.\n` +
  `It is made of:\n${files.map((path) => `  ${path}`).join("\n")}`;

let callersUmask = 0;
/** How many results are being made: several at the same time have one umask. */
let making = 0;

/** What the caller's shell says must not show in a result; but in what the call itself writes afterwards. */
async function withOwnUmask<T>(work: () => Promise<T>): Promise<T> {
  if (making++ === 0) callersUmask = process.umask(0o022);
  try {
    return await work();
  } finally {
    if (--making === 0) process.umask(callersUmask);
  }
}

async function removeOthers(name: string, pattern: RegExp, except?: string) {
  const used = inUse();
  for (const entry of readdirSync(cache.built)) {
    const path = join(cache.built, entry);
    if (entry.match(pattern)?.[1] === name && path !== except && !used.includes(entry)) await removeTree(path);
  }
}

/** What the engine and the mirror that run are made of, by their own notes: it stays until they are started anew. */
const inUse = () =>
  ["engine.parts", "mirror.stamp"]
    .map((name) => join(cache.run, name))
    .map((file) => (existsSync(file) ? readFileSync(file, "utf8") : ""))
    .join();

/** Removes a folder, read-only parts included (Go's module cache has them). */
export async function removeTree(path: string) {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** An error whose text says what to do: of a result in a result, it is said once. */
class Explained extends Error {}

/** Adds what to do to errors whose own text doesn't say it. */
function explained(error: unknown): unknown {
  if (error instanceof Explained) return error;
  const text = `${error instanceof Error ? error.message : error}`;
  const help = helpFor(text);
  return help ? new Explained(`${help} What was finished is kept.\n${text}`, { cause: error }) : error;
}

/** In the words of Node.js, Go, apt and dpkg. */
const DISK_FULL = /no space left on device|ENOSPC|don't have enough free space in/i;
/** In those of Go, npm, apt and pip. */
const UNREACHABLE =
  /no such host|server misbehaving|network is unreachable|no route to host|dial tcp.*(?:i\/o timeout|connection refused)|\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b|Temporary failure (?:in name resolution|resolving)|Could not (?:resolve|connect to)|Failed to establish a new connection|Connection to \S+ timed out/i;

function helpFor(text: string): string | undefined {
  if (DISK_FULL.test(text))
    return `The disk is full: free some space for ${cache.root}, or point DAGGERW_CACHE to another disk, and run again.`;
  if (UNREACHABLE.test(text))
    return (
      "A package registry can't be reached: look at this host's network, and where it asks for packages (GOPROXY, npm's and pip's " +
      "settings, apt's sources or DAGGERW_DEBIAN_ARCHIVE, HTTPS_PROXY), and run again."
    );
  return undefined;
}

/**
 * Runs work while no other process runs work under the same lock name. The lock is the kernel's (flock), held by a child
 * that ends with this process, so a killed process leaves no stale lock behind.
 */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const release = (await tryLock(name, true)) ?? (await waitForLock(name));
  try {
    return await work();
  } finally {
    release();
  }
}

async function waitForLock(name: string) {
  return await step(`wait for another process that makes ${name}`, async () => {
    const release = await tryLock(name, false);
    if (!release) throw new Error(`Can't lock ${name}`);
    return release;
  });
}

const TAKEN = 99;
/** `engine remove` took the file away while this one waited for it: the next would lock another. */
const REMOVED = 98;

async function tryLock(name: string, onlyIfFree: boolean): Promise<(() => void) | undefined> {
  const file = join(cache.locks, `${name.replace(/[^\w.-]/g, "_")}.lock`);
  // `cat` ends when our end of its input closes: by release(), or because this process is gone.
  const holderScript = `for open in /proc/self/fd/*; do [ "$open" -ef "$0" ] && echo held && exec cat >/dev/null; done; exit ${REMOVED}`;
  const flags = onlyIfFree ? ["--nonblock", "--conflict-exit-code", `${TAKEN}`] : [];
  const holder = spawn("flock", [...flags, "--no-fork", file, "sh", "-c", holderScript, file], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true, // Ctrl-C must not free the lock before this process has ended.
  });
  return await new Promise((done, fail) => {
    holder.once("error", fail);
    holder.once("exit", (code) => {
      if (code === TAKEN) done(undefined);
      else if (code === REMOVED) tryLock(name, onlyIfFree).then(done, fail);
      else fail(new Error(`flock ${file} ended with code ${code}`));
    });
    holder.stdout.once("data", () => {
      holder.removeAllListeners("exit");
      holder.unref();
      holder.stdout.destroy();
      done(() => holder.stdin.end());
    });
  });
}

/** SHA-256 of a file, as hex. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
