import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cache } from "../../embedded/src/cache.js";
import { describeCalls, noteCall, otherCalls } from "../../embedded/src/calls.js";
import { changeSince } from "../../embedded/src/engine.js";
import { runningMirror, serve, stopMirror } from "../../embedded/src/mirror.js";
import { printTo } from "../../embedded/src/steps.js";
import { freePort } from "./freePort.js";
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

/** A registry that has nothing, and answers. */
const emptyRegistry = `#!${process.execPath}
const { http } = JSON.parse(require("node:fs").readFileSync(process.argv[3]));
require("node:http").createServer((_, response) => response.end("{}")).listen(Number(http.addr.split(":")[1]), "127.0.0.1");
`;

/** A registry's folder with images, as far as their names and their manifests' digests go. */
function storage(...images: string[]): string {
  const folder = temporaryFolder();
  for (const image of images) {
    const [, name = "", tag = "", digest = "00"] = /^(\w+):(\w+)(?:@(\w+))?$/.exec(image) ?? [];
    const manifests = join(folder, "docker/registry/v2/repositories", name, "_manifests");
    const paths = [`tags/${tag}/current`, `tags/${tag}/index/sha256/${digest}`, `revisions/sha256/${digest}`];
    for (const path of paths) mkdirSync(join(manifests, path), { recursive: true });
  }
  return folder;
}

// Processes are known by /proc, and a lock is flock's.
test.runIf(process.platform === "linux").each([
  ["without some of their names", ["a:v2", "b:v1"]],
  ["with other content under one of their names", ["a:v1@11", "b:v1"]],
])(
  "a mirror with more images takes the place of one that runs at once, one %s when no call runs",
  async (_, images) => {
    vi.stubEnv("DAGGERW_MIRROR_PORT", `${await freePort()}`);
    const lines: string[] = [];
    const before = printTo((line) => lines.push(line));
    const registry = join(cache.tmp, "registry");
    writeFileSync(registry, emptyRegistry, { mode: 0o755 });
    const call = await caller();
    try {
      const [old, more, other] = [storage("a:v1"), storage("a:v1", "b:v1"), storage(...images)];
      await serve(old, registry);
      const least = runningMirror();
      expect(least).toBeGreaterThan(0);
      await serve(old, registry);
      expect(runningMirror()).toBe(least);
      await serve(more, registry);
      const first = runningMirror();
      expect(first).not.toBe(least);
      expect(lines.filter((line) => line.includes("wait for a call"))).toEqual([]);

      const served = serve(other, registry);
      const why = "the image registry is to be started anew, with other images";
      const waits = `▸ wait for a call (pid ${call.pid}) to end (Ctrl-C where it runs): ${why}`;
      await vi.waitFor(() => expect(lines).toContain(waits), 5000);
      expect(runningMirror()).toBe(first);
      call.kill();
      await served;
      expect(runningMirror()).toBeGreaterThan(0);
      expect(runningMirror()).not.toBe(first);
      expect(lines.filter((line) => line.startsWith("▸ wait for a call"))).toEqual([waits]);
    } finally {
      call.kill();
      await stopMirror();
      printTo(before);
    }
  },
  120_000, // longer than all that is waited for in it: given up earlier, it would go on with the cache folder of another test
);
