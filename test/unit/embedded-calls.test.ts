import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cache } from "../../embedded/src/cache.js";
import { describeCalls, noteCall, otherCalls } from "../../embedded/src/calls.js";
import { changeSince } from "../../embedded/src/engine.js";
import { temporaryFolder } from "./temporary.js";

beforeEach(() => void vi.stubEnv("DAGGERW_CACHE", temporaryFolder()));
afterEach(() => void vi.unstubAllEnvs());

/** Another process that notes that its call runs, and goes on. */
async function caller() {
  const script = join(cache.tmp, "call.mts");
  const module = JSON.stringify(join(process.cwd(), "embedded/src/calls.ts"));
  writeFileSync(
    script,
    `import { noteCall } from ${module}; noteCall("runs"); console.log("on"); setInterval(() => {}, 1000);`,
  );
  const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

test("a call is known to others as long as its process lives, however it ends", async () => {
  noteCall("prepares");
  expect(otherCalls()).toEqual([]);
  const one = await caller();
  expect(otherCalls()).toEqual([{ pid: one.pid, state: "runs" }]);
  one.kill("SIGKILL");
  await once(one, "exit");
  expect(existsSync(join(cache.run, "calls", `${one.pid}`))).toBe(true);
  expect(otherCalls()).toEqual([]);
  expect(readdirSync(join(cache.run, "calls"))).toEqual([`${process.pid}`]);
});

test("another process that got the pid of an ended one is not taken for its call", () => {
  noteCall("runs");
  writeFileSync(join(cache.run, "calls", "1"), "runs 0");
  expect(otherCalls()).toEqual([]);
});

test("calls are told by their pids", () => {
  expect(describeCalls([{ pid: 17, state: "runs" }])).toBe("a call (pid 17)");
  expect(describeCalls([17, 18].map((pid) => ({ pid, state: "runs" as const })))).toBe("2 calls (pid 17, 18)");
});

test("another resolver of the host is no reason to wait for calls that run, as other parts are", () => {
  const now = { parts: "a", host: "b" };
  expect(changeSince(now, now)).toBeUndefined();
  expect(changeSince({ ...now, host: "c" }, now)).toBe("host");
  expect(changeSince({ parts: "c", host: "c" }, now)).toBe("parts");
  expect(changeSince({}, now)).toBe("parts");
});
