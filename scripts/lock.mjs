// A lock between processes that ends with its holder. Plain JavaScript with Node's own modules only: it has to work on a
// fresh clone, on Linux and macOS, before anything is installed (Node has no flock).
//
// The lock is a file that names the processes that hold it: the one that took it, and the command it runs, which may outlive
// it after a kill -9. Each is named by its pid and the time it started, so a pid that was given out again isn't mistaken for
// the holder. The lock is free when the file is absent or all processes in it are gone.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";

const POLL_MS = 200;
/**
 * A lock from another host (a shared disk, another container): its pids say nothing here, so it counts as long as its holder
 * says now and then that it is there.
 */
const FOREIGN_MS = 3 * 60_000;
const SIGN_OF_LIFE_MS = 30_000;
/** Nobody needs this long to look at a dead lock and remove it: a guard older than this was left by a kill. */
const GUARD_MS = 5_000;

/**
 * Runs work while no other process runs work under the same lock file.
 * @template T
 * @param {string} file the lock's file; its folder is made
 * @param {(lock: { add(pid: number | undefined): void }) => Promise<T>} work `add` names a child that holds the lock, too
 * @param {{ onWait?: (holder: string) => void, signal?: AbortSignal }} [options] onWait is called once, with the holder in
 *   words, if the lock is held by another; the signal ends the wait for it
 * @returns {Promise<T>}
 */
export async function locked(file, work, { onWait, signal } = {}) {
  mkdirSync(dirname(file), { recursive: true });
  const mine = { host: hostname(), key: randomBytes(8).toString("hex"), processes: [identity(process.pid)] };
  for (let waited = false; !take(file, mine); ) {
    signal?.throwIfAborted();
    const holder = read(file);
    if (holder && isAlive(file, holder)) {
      if (!waited) onWait?.(describe(file, holder));
      waited = true;
    } else if (holder && removeDead(file)) {
      continue;
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  const release = () => {
    if (read(file)?.key === mine.key) rmSync(file, { force: true });
  };
  process.on("exit", release);
  const signs = setInterval(() => touch(file), SIGN_OF_LIFE_MS).unref();
  try {
    return await work({
      add(pid) {
        if (pid === undefined) return;
        mine.processes.push(identity(pid));
        replace(file, mine);
      },
    });
  } finally {
    clearInterval(signs);
    process.off("exit", release);
    release();
  }
}

/** `process 17`; of another host also what to do when it is gone for good. */
function describe(file, { host, processes }) {
  const holder = `process ${processes[0]?.pid}`;
  if (host === hostname()) return holder;
  return `${holder} on ${host} (given up ${FOREIGN_MS / 60_000} minutes after its last sign of life; if it is gone, remove ${file})`;
}

function touch(file) {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // Somebody has removed the lock.
  }
}

/** The file appears with its content or not at all: it is written under another name, then linked (fails if it exists). */
function take(file, mine) {
  const draft = `${file}.${mine.key}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(error.code)) throw error;
    return create(file, mine); // A file system without hard links.
  } finally {
    unlinkSync(draft);
  }
}

function create(file, mine) {
  try {
    writeFileSync(file, JSON.stringify(mine), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function replace(file, mine) {
  const draft = `${file}.${mine.key}`;
  writeFileSync(draft, JSON.stringify(mine));
  renameSync(draft, file);
}

/** What can't be read names nobody, and is as dead as what a killed process left. */
const NOBODY = { host: hostname(), key: "", processes: [] };

/** @returns {{ host: string, key: string, processes: { pid: number, started: string }[] } | undefined} nothing when it is free */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    return error.code === "ENOENT" ? undefined : NOBODY;
  }
}

function isAlive(file, { host, processes }) {
  if (host !== hostname()) return ageOf(file) < FOREIGN_MS;
  return processes.some(({ pid, started }) => started !== "" && identity(pid).started === started);
}

/** Removes a dead lock. One at a time, and only after looking again: else the second one would remove a new, live lock. */
function removeDead(file) {
  const guard = `${file}.guard`;
  try {
    mkdirSync(guard);
  } catch {
    if (ageOf(guard) > GUARD_MS) rmSync(guard, { recursive: true, force: true });
    return false;
  }
  try {
    const holder = read(file);
    // One that is absent may be another's by now.
    if (holder && !isAlive(file, holder)) rmSync(file, { force: true });
    return true;
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
}

function ageOf(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** A process by its pid and start time; the time is "" when there is no such process (or it is a zombie). */
export function identity(pid) {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return { pid, started: fields[0] === "Z" ? "" : `${fields[19]}` };
    }
    // Written as the locale and the time zone say: two terminals may differ in them.
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    return { pid, started: execFileSync("ps", ["-o", "lstart=", "-p", `${pid}`], { encoding: "utf8", env }).trim() };
  } catch {
    return { pid, started: "" };
  }
}
