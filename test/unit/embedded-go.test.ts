import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { downloadAhead, garbageCollection } from "../../embedded/src/go.js";
import { alive } from "../../embedded/src/process.js";
import { temporaryFolder } from "./temporary.js";

/** Each `go` is asked by a shell that has to start first, on a machine that may be busy. */
const SOON = { timeout: 20_000, interval: 20 };

const forEach = (gigabytes: number) => gigabytes * 2 ** 30 * availableParallelism();

afterEach(() => vi.unstubAllEnvs());

test("compilers share half of the memory, where that is a gigabyte each, and the caller's shell has not said otherwise", () => {
  expect(garbageCollection(forEach(12), {})).toEqual({ GOGC: "off", GOMEMLIMIT: "6144MiB" });
  expect(garbageCollection(forEach(1.5), {})).toEqual({});
  expect(garbageCollection(forEach(12), { GOGC: "50" })).toEqual({});
  expect(garbageCollection(forEach(12), { GOMEMLIMIT: "1GiB" })).toEqual({});
});

/** A `go` that notes what it was asked to list, where, and as which process; `body` is what it does then. */
function fakeGo(body = "") {
  const folder = temporaryFolder();
  const asked = join(folder, "asked");
  mkdirSync(join(folder, "bin"));
  const pid = join(folder, "pid");
  const script = `#!/bin/sh\n[ "$1" = list ] || exit 0\necho $$ >${pid}\necho "$(basename "$PWD") $*" >>${asked}\n${body}\n`;
  writeFileSync(join(folder, "bin/go"), script, { mode: 0o755 });
  vi.stubEnv("PATH", `${join(folder, "bin")}:${process.env.PATH}`);
  vi.stubEnv("DAGGERW_CACHE", join(folder, "cache"));
  const lines = () => (existsSync(asked) ? readFileSync(asked, "utf8").trim().split("\n") : []);
  return Object.assign(lines, { pid: () => Number(readFileSync(pid, "utf8")) });
}

test("modules of the next builds are downloaded one after the other, also past one that fails", async () => {
  const asked = fakeGo("exit 1");
  downloadAhead([
    { module: "etcd", tags: ["a", "b"] },
    { module: "pause", packages: ["."] },
  ]);
  await vi.waitFor(
    () => expect(asked()).toEqual(["etcd list -deps -tags a,b tool", "pause list -deps -tags  ."]),
    SOON,
  );
});

// Processes are known by /proc.
test.runIf(process.platform === "linux")("ended, no more are downloaded", async () => {
  const asked = fakeGo('[ "$(basename "$PWD")" != etcd ] || exec sleep 61');
  const end = downloadAhead([{ module: "etcd" }, { module: "pause" }]);
  await vi.waitFor(() => expect(asked()).toHaveLength(1), SOON);
  const downloading = asked.pid();
  expect(alive(downloading)).toBe(true);
  expect(end).not.toThrow();
  await vi.waitFor(() => expect(alive(downloading)).toBe(false), SOON);
  // The one after it would have been asked for before this one.
  downloadAhead([{ module: "metrics-server" }]);
  await vi.waitFor(() => expect(asked().join()).toContain("metrics-server"), SOON);
  expect(asked()).toEqual([expect.stringContaining("etcd"), expect.stringContaining("metrics-server")]);
});

test("the Go on the caller's PATH is used, whatever ~/.bashrc puts before it and whether a shell has started this", async () => {
  const asked = fakeGo();
  const home = temporaryFolder();
  writeFileSync(join(home, ".bashrc"), `PATH=${home}:$PATH\n`);
  writeFileSync(join(home, "go"), "#!/bin/sh\n", { mode: 0o755 });
  vi.stubEnv("HOME", home);
  vi.stubEnv("SHLVL", "");
  vi.resetModules();
  const anew = await import("../../embedded/src/go.js");
  anew.downloadAhead([{ module: "etcd" }]);
  await vi.waitFor(() => expect(asked()).toHaveLength(1), SOON);
});

test("there is nothing to end once all has been downloaded", async () => {
  const asked = fakeGo();
  const end = downloadAhead([{ module: "etcd" }]);
  await vi.waitFor(() => expect(asked()).toHaveLength(1), SOON);
  await vi.waitFor(() => expect(alive(asked.pid())).toBe(false), SOON);
  await new Promise((done) => setTimeout(done, 300)); // until that is known here too
  expect(end).not.toThrow();
  expect(downloadAhead([])).not.toThrow();
});
