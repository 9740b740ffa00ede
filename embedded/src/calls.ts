// Who uses the engine: each call says so for as long as its process lives, so that nobody takes the engine, or what it is made
// of, away from under it.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identity } from "../../scripts/lock.mjs";
import { cache } from "./cache.js";
import { step } from "./steps.js";

/** What a call is at: it makes ready what it needs, or runs on the engine. */
type State = "prepares" | "runs";

type Call = { pid: number; state: State };

const folder = () => {
  const path = join(cache.run, "calls");
  mkdirSync(path, { recursive: true });
  return path;
};

let noted: string | undefined;

/** Says what this process is at, until it ends. */
export function noteCall(state: State): void {
  const file = join(folder(), `${process.pid}`);
  if (noted !== file) process.once("exit", () => rmSync(file, { force: true }));
  noted = file;
  // Whole or absent: who reads half of it would take it for a dead one's.
  const draft = join(cache.tmp, `call-${process.pid}`);
  writeFileSync(draft, `${state} ${identity(process.pid).started}`);
  renameSync(draft, file);
}

/** The calls of other processes. What a killed one left is removed. */
export function otherCalls(): Call[] {
  const calls: Call[] = [];
  for (const name of readdirSync(folder())) {
    const pid = Number(name);
    if (pid === process.pid) continue;
    const [state, start] = readText(join(folder(), name)).split(" ");
    if (start && start === identity(pid).started) calls.push({ pid, state: state as State });
    else rmSync(join(folder(), name), { force: true });
  }
  return calls;
}

/** Those that run on the engine. */
export const callsThatRun = () => otherCalls().filter(({ state }) => state === "runs");

/** A restart would end the calls that run, or leave them without images. One that keeps a cluster up ends only by hand. */
export async function untilNobodyCalls(why: string): Promise<void> {
  if (callsThatRun().length === 0) return;
  await step(`wait for ${describeCalls(callsThatRun())} to end (Ctrl-C where it runs): ${why}`, async () => {
    while (callsThatRun().length > 0) await sleep(500);
  });
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
