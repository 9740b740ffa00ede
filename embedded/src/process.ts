// Processes that outlive a call, known by their pid.
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

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
    if (state === "Z" || state === "X") return false;
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
