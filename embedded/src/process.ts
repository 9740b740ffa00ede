// Processes that outlive a call, known by their pid.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cache } from "./cache.js";

/** Where a process leaves its pid, what it was started from, and its log. They follow the environment, as `cache` does. */
export const filesOf = (name: string) => ({
  get pid() {
    return join(cache.run, `${name}.pid`);
  },
  get stamp() {
    return join(cache.run, `${name}.stamp`);
  },
  get log() {
    return join(cache.logs, `${name}.log`);
  },
});

export type Start = {
  /** What is started, as the start of a sentence. */
  what: string;
  pid: number;
  log: string;
  answers: () => Promise<boolean>;
  timeoutMs: number;
  /** Ends what doesn't come up. */
  stop: () => Promise<void>;
};

/** Waits until a process that was just started answers; when it ends or doesn't, stops it and says what its log says. */
export async function untilItAnswers({ what, pid, log, answers, timeoutMs, stop }: Start): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(50)) {
    // In this order: what answers may be another one.
    if (!alive(pid)) break;
    if (await answers()) return;
  }
  const end = readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  await stop();
  throw new Error(`${what} did not start. The end of its log, ${log}:\n${end}`);
}

/** The pid in a file, if there is one. */
export function readPid(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  return pid > 0 ? pid : undefined;
}

/** Whether a process runs; with a name, whether it is (still) a process of that name and not another with its pid. */
export function alive(pid: number, name?: string): boolean {
  try {
    const [, state = ""] = /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    // A zombie has ended, unless others of its threads are still to end: it has its ports until they have.
    if (state === "X" || (state === "Z" && readdirSync(`/proc/${pid}/task`).length <= 1)) return false;
    return !name || readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").includes(name);
  } catch {
    return false;
  }
}

/** Asks a process to end, and waits until it has. */
export async function endProcess(pid: number, timeoutMs: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(50)) {
    if (!alive(pid)) return;
  }
  process.kill(pid, "SIGKILL");
  while (alive(pid)) await sleep(50);
}
