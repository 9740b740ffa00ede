import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { downloadAhead, garbageCollection } from "../../embedded/src/go.js";
import { temporaryFolder } from "./temporary.js";

const forEach = (gigabytes: number) => gigabytes * 2 ** 30 * availableParallelism();

afterEach(() => vi.unstubAllEnvs());

test("compilers share half of the memory, where that is a gigabyte each, and the caller's shell has not said otherwise", () => {
  expect(garbageCollection(forEach(12), {})).toEqual({ GOGC: "off", GOMEMLIMIT: "6144MiB" });
  expect(garbageCollection(forEach(1.5), {})).toEqual({});
  expect(garbageCollection(forEach(12), { GOGC: "50" })).toEqual({});
  expect(garbageCollection(forEach(12), { GOMEMLIMIT: "1GiB" })).toEqual({});
});

/** A `go` that notes what it was asked to list, and where; `body` is what it does then. */
function fakeGo(body = "") {
  const folder = temporaryFolder();
  const asked = join(folder, "asked");
  mkdirSync(join(folder, "bin"));
  const script = `#!/bin/sh\n[ "$1" = list ] || exit 0\necho "$(basename "$PWD") $*" >>${asked}\n${body}\n`;
  writeFileSync(join(folder, "bin/go"), script, { mode: 0o755 });
  vi.stubEnv("PATH", `${join(folder, "bin")}:${process.env.PATH}`);
  vi.stubEnv("DAGGERW_CACHE", join(folder, "cache"));
  return () => (existsSync(asked) ? readFileSync(asked, "utf8").trim().split("\n") : []);
}

test("modules of the next builds are downloaded one after the other, also past one that fails", async () => {
  const asked = fakeGo("exit 1");
  downloadAhead([
    { module: "etcd", tags: ["a", "b"] },
    { module: "pause", packages: ["."] },
  ]);
  await vi.waitFor(
    () => expect(asked()).toEqual(["etcd list -deps -tags a,b tool", "pause list -deps -tags  ."]),
    5000,
  );
});

const isSleeping = (pid: string) =>
  existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") === "sleep\u000061\u0000";

// What runs is looked up in /proc.
test.runIf(process.platform === "linux")("ended, no more are downloaded", async () => {
  const asked = fakeGo("exec sleep 61");
  const end = downloadAhead([{ module: "etcd" }, { module: "pause" }]);
  await vi.waitFor(() => expect(asked()).toHaveLength(1), 5000);
  expect(end).not.toThrow();
  await new Promise((done) => setTimeout(done, 300));
  expect(asked()).toHaveLength(1);
  expect(readdirSync("/proc").filter(isSleeping)).toEqual([]);
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
  await vi.waitFor(() => expect(asked()).toHaveLength(1), 5000);
});

test("there is nothing to end once all has been downloaded", async () => {
  const asked = fakeGo();
  const end = downloadAhead([{ module: "etcd" }]);
  await vi.waitFor(() => expect(asked()).toHaveLength(1), 5000);
  await new Promise((done) => setTimeout(done, 300));
  expect(end).not.toThrow();
  expect(downloadAhead([])).not.toThrow();
});
