// Who uses the engine: each call says so for as long as its process lives, so that nobody takes the engine, or what it is made
// of, away from under it.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./cache.js";

/** What a call is at: it makes ready what it needs, or runs on the engine. */
type State = "prepares" | "runs";

type Call = { pid: number; state: State };

const folder = () => {
  const path = join(cache.run, "calls");
  mkdirSync(path, { recursive: true });
  return path;
};

/** A process's start, which tells it from another one that gets its pid later. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

let noted: string | undefined;

/** Says what this process is at, until it ends. */
export function noteCall(state: State): void {
  const file = join(folder(), `${process.pid}`);
  if (noted !== file) process.once("exit", () => rmSync(file, { force: true }));
  noted = file;
  // Whole or absent: who reads half of it would take it for a dead one's.
  const draft = join(cache.tmp, `call-${process.pid}`);
  writeFileSync(draft, `${state} ${startOf(process.pid)}`);
  renameSync(draft, file);
}

/** The calls of other processes. What a killed one left is removed. */
export function otherCalls(): Call[] {
  const calls: Call[] = [];
  for (const name of readdirSync(folder())) {
    const pid = Number(name);
    if (pid === process.pid) continue;
    const [state, start] = readText(join(folder(), name)).split(" ");
    if (start !== undefined && start === startOf(pid)) calls.push({ pid, state: state as State });
    else rmSync(join(folder(), name), { force: true });
  }
  return calls;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** `2 calls (pid 17, 18)` */
export const describeCalls = (calls: Call[]) =>
  `${calls.length === 1 ? "a call" : `${calls.length} calls`} (pid ${calls.map(({ pid }) => pid).join(", ")})`;
