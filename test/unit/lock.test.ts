import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { identity, locked } from "../../scripts/lock.mjs";
import { temporaryFolder } from "./temporary.js";

const { readFileSync: read } = await vi.importActual<typeof import("node:fs")>("node:fs");
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return { ...fs, readFileSync: vi.fn(fs.readFileSync) };
});
afterEach(() => void vi.mocked(readFileSync).mockImplementation(read));

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

test("a dead lock is removed once: who looks at it second does not remove that of a third, who has taken it meanwhile", async () => {
  const file = join(temporaryFolder(), "lock");
  const lockOf = (key: string, started: string) =>
    JSON.stringify({ host: hostname(), key, processes: [{ pid: process.pid, started }] });
  writeFileSync(file, lockOf("dead", "0"));
  const taken = lockOf("third", identity(process.pid).started);
  let isLooking = true;
  vi.mocked(readFileSync).mockImplementation((path, options) => {
    if (path !== file || !isLooking || !existsSync(`${file}.guard`)) return read(path, options);
    isLooking = false;
    rmSync(file);
    try {
      return read(path, options);
    } finally {
      writeFileSync(file, taken);
    }
  });
  const told: string[] = [];
  const onWait = (holder: string) => {
    told.push(holder);
    rmSync(file);
  };
  expect(await locked(file, async () => "mine", { onWait })).toBe("mine");
  expect(told).toEqual([`process ${process.pid}`]);
});

test("what can't be read holds no lock", async () => {
  const file = join(temporaryFolder(), "lock");
  writeFileSync(file, "");
  expect(await locked(file, async () => "mine")).toBe("mine");
});
