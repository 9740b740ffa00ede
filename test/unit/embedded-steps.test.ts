import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cache } from "../../embedded/src/cache.js";
import { built, hashOf, locked, printTo, step } from "../../embedded/src/steps.js";
import { temporaryFolder } from "./temporary.js";

let lines: string[];
let before: ReturnType<typeof printTo>;

beforeEach(() => {
  vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
  lines = [];
  before = printTo((line) => lines.push(line));
});

afterEach(() => {
  printTo(before);
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** Results are made, and other work is done, under a lock of flock, which macOS has not. */
const onLinux = test.runIf(process.platform === "linux");

const write = (text: string) => async (outDir: string) => writeFileSync(join(outDir, "file"), text);
const never = async () => {
  throw new Error("should not be built again");
};

onLinux("a result is built once, and says its size and time", async () => {
  const first = await built("part", { values: [1] }, write("content"));
  expect(readFileSync(join(first, "file"), "utf8")).toBe("content");
  expect(lines).toEqual(["▸ build part", expect.stringMatching(/^✔ build part, [\d.]+ s: 1 MB$/)]);
  expect(await built("part", { values: [1] }, never)).toBe(first);
});

onLinux("changed inputs build a new result, and the old one goes", async () => {
  const first = await built("part", { values: [1] }, write("old"));
  const other = await built("part-more", { values: [1] }, write("not the same part"));
  const second = await built("part", { values: [2] }, write("new"));
  expect(second).not.toBe(first);
  expect(existsSync(first)).toBe(false);
  expect(existsSync(other)).toBe(true);
});

onLinux("what the engine that runs is made of stays, until another one runs", async () => {
  const [first, note] = [await built("part", { values: [1] }, write("old")), join(cache.run, "engine.parts")];
  writeFileSync(note, JSON.stringify({ binaries: first }));
  const second = await built("part", { values: [2] }, write("new"));
  expect([first, second].map((path) => existsSync(path))).toEqual([true, true]);
  writeFileSync(note, JSON.stringify({ binaries: second }));
  const third = await built("part", { values: [3] }, write("newer"));
  expect([first, second, third].map((path) => existsSync(path))).toEqual([false, true, true]);
});

onLinux("the caller's umask shows in no result, and is the caller's again afterwards", async () => {
  const umask = process.umask(0o077);
  const modes = await Promise.all(
    ["one", "two"].map(async (name) => statSync(join(await built(name, {}, write("content")), "file")).mode & 0o777),
  );
  expect(modes).toEqual([0o644, 0o644]);
  expect(process.umask(umask)).toBe(0o077);
});

onLinux("a failed build leaves nothing, keeps the result before, and the next run succeeds", async () => {
  const first = await built("part", { values: [1] }, write("old"));
  const half = async (outDir: string) => {
    writeFileSync(join(outDir, "half"), "");
    throw new Error("interrupted");
  };
  await expect(built("part", { values: [2] }, half)).rejects.toThrow("interrupted");
  expect(readdirSync(cache.built)).toEqual([first.split("/").at(-1)]);
  expect(lines.at(-1)).toMatch(/^✘ build part, failed after/);
  expect(readdirSync(await built("part", { values: [2] }, write("new")))).toEqual(["file"]);
});

onLinux("what a killed build left behind is not taken for a result, and removed", async () => {
  mkdirSync(join(cache.built, `.new-part-${hashOf({ values: [1] })}`));
  mkdirSync(join(cache.built, ".new-part-0123456789abcdef"));
  const result = await built("part", { values: [1] }, write("whole"));
  expect(readdirSync(cache.built)).toEqual([result.split("/").at(-1)]);
});

onLinux("what is made of sources that change meanwhile is not kept: it may be half of both", async () => {
  const source = join(temporaryFolder(), "source");
  writeFileSync(source, "old");
  const edited = async (outDir: string) => {
    await write("of the old")(outDir);
    writeFileSync(source, "new");
  };
  await expect(built("part", { files: [source] }, edited)).rejects.toThrow(
    `What part is made of has changed while it was made, and it may be half of the old and half of the new: run again.\nIt is made of:\n  ${source}`,
  );
  expect(readdirSync(cache.built)).toEqual([]);
  const anew = await built("part", { files: [source] }, write("of the new"));
  expect(readFileSync(join(anew, "file"), "utf8")).toBe("of the new");
});

onLinux("a full disk is explained", async () => {
  const full = () => Promise.reject(new Error("write /x: no space left on device"));
  await expect(built("part", {}, full)).rejects.toThrow(
    /disk is full: free some space for .*DAGGERW_CACHE.*What was finished is kept/s,
  );
});

/** What the tools say where nothing answers, where a name server does not, and where a name is unknown. */
const unreachable = [
  'go: x@v1: Get "https://proxy.example/x/@v/v1.zip": dial tcp: lookup proxy.example on 10.0.0.1:53: dial udp 10.0.0.1:53: connect: network is unreachable',
  'go: x@v1: Get "https://proxy.example/x/@v/v1.info": dial tcp: lookup proxy.example on 10.0.0.1:53: read udp 10.0.0.2:3->10.0.0.1:53: i/o timeout',
  "go: x@v1: dial tcp: lookup proxy.example: no such host",
  "npm error request to https://registry.example/x failed, reason: getaddrinfo EAI_AGAIN registry.example",
  "npm error code ECONNREFUSED",
  "E: Failed to fetch http://archive.example/dists/trixie/InRelease  Temporary failure resolving 'archive.example'",
  "E: Failed to fetch http://archive.example/InRelease  Could not connect to archive.example:80 (10.0.0.1). - connect (111: Connection refused)",
  "Err:2 http://10.0.0.1/debian trixie Release\n  Cannot initiate the connection to 10.0.0.1:80 (10.0.0.1). - connect (101: Network is unreachable)",
  "ConnectTimeoutError(<HTTPSConnection>, 'Connection to index.example timed out. (connect timeout=15)')': /simple/x/",
  "go: x@v1: dial tcp 10.0.0.1:443: connect: no route to host",
  "NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
];
test.each(unreachable)("a network that leads nowhere is explained: %s", async (said) => {
  await expect(built("part", {}, () => Promise.reject(new Error(said)))).rejects.toThrow(
    /^A package registry can't be reached: .*GOPROXY.*DAGGERW_DEBIAN_ARCHIVE.* run again\. What was finished is kept\.\n/,
  );
});

onLinux("what failed in a part of a part is explained once", async () => {
  const inner = () => built("inner", {}, () => Promise.reject(new Error("npm error code ENOTFOUND")));
  const outer = built("outer", {}, async () => void (await inner()));
  await expect(outer).rejects.toThrow(/^A package registry .* is kept\.\nnpm error code ENOTFOUND$/);
});

test("what is no matter of the network is told as it is", async () => {
  const said = "go: x@v1: verifying module: checksum mismatch";
  await expect(built("part", {}, () => Promise.reject(new Error(said)))).rejects.toThrow(/^go: x@v1: verifying/);
});

const maySeparate = () =>
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  ["go", "apt-get"].every((command) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0) &&
  spawnSync("unshare", ["--net", "true"]).status === 0;

test.runIf(maySeparate())(
  "without a network the parts end in seconds, and nothing half done is left",
  () => {
    const env = { ...process.env, DAGGERW_CACHE: temporaryFolder(), HTTPS_PROXY: "", HTTP_PROXY: "" };
    const options = { encoding: "utf8", env, timeout: 60_000 } as const;
    const command = ["--net", process.execPath, "--import", "tsx", "test/fixtures/noNetwork.ts"];
    const { left, ...said } = JSON.parse(execFileSync("unshare", command, options));
    for (const text of Object.values(said)) expect(text).toMatch(/^A package registry can't be reached: /);
    expect(left).toEqual([]);
  },
  70_000,
);

/** A container's root may not mount. */
const mayMount = () =>
  process.platform === "linux" &&
  spawnSync("unshare", ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;

test.runIf(mayMount())("a disk that fills up loses nothing, and the next run goes on", () => {
  const folder = temporaryFolder();
  const script =
    'mount -t tmpfs -o size=2m,mode=700 tmpfs "$1" && DAGGERW_CACHE="$1" exec "$2" --import tsx test/fixtures/fullDisk.ts';
  const namespace = ["--mount", "--propagation", "private", "sh", "-ec", script, "sh", folder, process.execPath];
  const said = JSON.parse(execFileSync("unshare", namespace, { encoding: "utf8" }));
  expect(said).toEqual({
    refused: expect.stringMatching(/^The disk is full: .*ENOSPC/s),
    left: 1,
    kept: true,
    whole: 2,
  });
});

test("the hash follows content and names, not where the files lie", () => {
  const folder = (name: string, text: string) => {
    const path = temporaryFolder();
    writeFileSync(join(path, name), text);
    return path;
  };
  const reference = hashOf({ files: [folder("a", "text")] });
  expect(hashOf({ files: [folder("a", "text")] })).toBe(reference);
  expect(hashOf({ files: [folder("a", "other")] })).not.toBe(reference);
  expect(hashOf({ files: [folder("b", "text")] })).not.toBe(reference);
  expect(hashOf({ files: [folder("a", "text")], values: ["v2"] })).not.toBe(reference);
});

test("what editors leave beside the files that they have open is no part of a folder", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "a.go"), "text");
  const before = hashOf({ files: [folder] });
  for (const name of [".a.go.swp", ".a.go.swo", "a.go~", "#a.go#"]) writeFileSync(join(folder, name), "");
  symlinkSync("me@host.1", join(folder, ".#a.go"));
  expect(hashOf({ files: [folder] })).toBe(before);
  for (const name of [".hidden", "a.swp", "#a", "a~b"]) {
    writeFileSync(join(folder, name), "");
    expect(hashOf({ files: [folder] }), name).not.toBe(before);
    rmSync(join(folder, name));
  }
});

test("a long step says every 30 s what it is at", async () => {
  vi.useFakeTimers();
  const work = step("long", async (detail) => {
    detail("compiling");
    await new Promise((done) => setTimeout(done, 65_000));
  });
  await vi.advanceTimersByTimeAsync(65_000);
  await work;
  expect(lines).toEqual([
    "▸ long",
    "  long, 30.0 s so far: compiling",
    "  long, 1 min 0 s so far: compiling",
    "✔ long, 1 min 5 s: compiling",
  ]);
});

onLinux("work under one lock takes turns", async () => {
  const log: string[] = [];
  const work = (name: string) =>
    locked("shared", async () => {
      log.push(`${name} starts`);
      await new Promise((done) => setTimeout(done, 50));
      log.push(`${name} ends`);
    });
  await Promise.all([work("a"), work("b")]);
  const [first, second] = log[0] === "a starts" ? ["a", "b"] : ["b", "a"]; // either may be the first
  expect(log).toEqual([`${first} starts`, `${first} ends`, `${second} starts`, `${second} ends`]);
});

/** Whether a flock has the file open. That of who holds the lock has become a shell. */
function isAwaited(file: string): boolean {
  const real = realpathSync(file);
  return readdirSync("/proc").some((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/comm`, "utf8") !== "flock\n") return false;
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === real);
    } catch {
      return false; // no process, or one that has ended meanwhile
    }
  });
}

onLinux("a lock that was removed under those who waited for it is no lock any more", async () => {
  let atWork = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++atWork);
    await new Promise((done) => setTimeout(done, 300));
    atWork--;
  };
  let others: Promise<unknown> = Promise.resolve();
  await locked("embedded", async () => {
    const waiting = locked("embedded", work);
    await vi.waitUntil(() => lines.some((line) => line.startsWith("▸ wait for another process")), { timeout: 20_000 });
    await vi.waitUntil(() => isAwaited(join(cache.locks, "embedded.lock")), { timeout: 20_000 });
    rmSync(cache.locks, { recursive: true });
    others = Promise.all([waiting, locked("embedded", work)]);
  });
  await others;
  expect(most).toBe(1);
});

onLinux(
  "two processes that want the same result build it once",
  async () => {
    const script = join(cache.tmp, "build.mts");
    const count = join(cache.tmp, "count");
    writeFileSync(
      script,
      `import { appendFileSync } from "node:fs"
     import { built } from ${JSON.stringify(join(process.cwd(), "embedded/src/steps.ts"))}
     console.log(await built("part", {}, async () => {
       appendFileSync(${JSON.stringify(count)}, "x")
       await new Promise((done) => setTimeout(done, 1000))
     }))`,
    );
    appendFileSync(count, "");
    const run = () => promisify(execFile)(join(process.cwd(), "node_modules/.bin/tsx"), [script]);
    const [a, b] = await Promise.all([run(), run()]);
    expect(a.stdout).toBe(b.stdout);
    expect(readFileSync(count, "utf8")).toBe("x");
  },
  30_000,
);
