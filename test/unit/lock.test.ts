import { existsSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { locked } from "../../scripts/lock.mjs";
import { temporaryFolder } from "./temporary.js";

const MINUTE_MS = 60_000;

/** A lock that a process on another host has, or a container that shares the folder, with its last sign of life. */
function foreignLock(ageMs: number): string {
  const file = join(temporaryFolder(), "lock");
  writeFileSync(file, JSON.stringify({ host: "elsewhere", key: "k", processes: [{ pid: 17, started: "1" }] }));
  const then = new Date(Date.now() - ageMs);
  utimesSync(file, then, then);
  return file;
}

test("a lock of another host is waited for; who has it, how long it counts and what to remove is told", async () => {
  const file = foreignLock(2 * MINUTE_MS);
  const wait = new AbortController();
  const told: string[] = [];
  const onWait = (holder: string) => {
    told.push(holder);
    wait.abort();
  };
  await expect(locked(file, async () => {}, { onWait, signal: wait.signal })).rejects.toThrow(/abort/i);
  expect(told).toEqual([
    `process 17 on elsewhere (given up 3 minutes after its last sign of life; if it is gone, remove ${file})`,
  ]);
  expect(existsSync(file)).toBe(true);
});

test("a lock of another host that has shown no life for long is free", async () => {
  const file = foreignLock(4 * MINUTE_MS);
  expect(await locked(file, async () => "mine")).toBe("mine");
  expect(existsSync(file)).toBe(false);
});
