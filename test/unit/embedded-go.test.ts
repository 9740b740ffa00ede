import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { downloadAhead, garbageCollection } from "../../embedded/src/go.js";
import { temporaryFolder } from "./temporary.js";

const forEach = (gigabytes: number) => gigabytes * 2 ** 30 * availableParallelism();

afterEach(() => vi.unstubAllEnvs());

test("compilers share half of the memory, where that is a gigabyte each, and the caller's shell has not said otherwise", () => {
  expect(garbageCollection(forEach(12), {})).toEqual({ GOGC: "400", GOMEMLIMIT: "6144MiB" });
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

test("ended, no more are downloaded", async () => {
  const asked = fakeGo("exec sleep 60");
  const end = downloadAhead([{ module: "etcd" }, { module: "pause" }]);
  await vi.waitFor(() => expect(asked()).toHaveLength(1), 5000);
  end();
  await new Promise((done) => setTimeout(done, 300));
  expect(asked()).toHaveLength(1);
});
