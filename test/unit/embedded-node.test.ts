// Node.js is the one that is pinned, whatever the registry gives. None is fetched: `npm` is a script here.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cache } from "../../embedded/src/cache.js";
import { parseReference } from "../../embedded/src/images.js";
import { integrities, nodeBinary } from "../../embedded/src/node.js";
import { NODE_VERSION } from "../../embedded/src/sdk.js";
import { printTo } from "../../embedded/src/steps.js";
import { images } from "../../pipeline/src/images.js";
import { temporaryFolder } from "./temporary.js";

let before: ReturnType<typeof printTo>;

beforeEach(() => {
  vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
  before = printTo(() => {});
});

afterEach(() => {
  printTo(before);
  vi.unstubAllEnvs();
});

test("every release that is used is pinned for both processors, and no other", () => {
  const [ofGit = ""] = parseReference(images.git).tag.split("-");
  const why = "embedded/src/node.ts: npm view node-linux-<x64 or arm64>@<version> dist.integrity";
  expect(Object.keys(integrities).sort(), why).toEqual([...new Set([NODE_VERSION, ofGit])].sort());
  for (const [version, hashes] of Object.entries(integrities)) {
    expect(Object.keys(hashes).sort(), version).toEqual(["arm64", "x64"]);
    for (const hash of Object.values(hashes)) expect(hash).toMatch(/^sha512-[\w+/]{86}==$/);
  }
});

const name = `node-linux-${arch()}`;

/** An npm that packs a `node` of its own; returns its hash, and whether it was called. */
function fakeNpm() {
  const folder = temporaryFolder();
  for (const path of ["bin", "package/bin"]) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, "package/bin/node"), "a node");
  execFileSync("tar", ["-czf", "packed.tgz", "package"], { cwd: folder });
  const script = `#!/bin/sh\necho "$*" >${folder}/called\ncp ${folder}/packed.tgz ./${name}-1.2.3.tgz\n`;
  writeFileSync(join(folder, "bin/npm"), script, { mode: 0o755 });
  vi.stubEnv("PATH", `${join(folder, "bin")}:${process.env.PATH}`);
  const hash = createHash("sha512").update(readFileSync(join(folder, "packed.tgz")));
  return { integrity: `sha512-${hash.digest("base64")}`, isCalled: () => existsSync(join(folder, "called")) };
}

// A result is made under a lock of flock, which macOS has not.
const onLinux = test.runIf(process.platform === "linux");

onLinux("what is downloaded is looked at before it is unpacked, and refused where it is another", async () => {
  const { integrity } = fakeNpm();
  const pinned = "sha512-of-another";
  await expect(nodeBinary("1.2.3", { "1.2.3": { [arch()]: pinned } })).rejects.toThrow(
    `${name}@1.2.3 from npm's registry was refused: its integrity is ${integrity}, embedded/src/node.ts says ${pinned}.`,
  );
  expect(readdirSync(cache.built)).toEqual([]);
  const binary = await nodeBinary("1.2.3", { "1.2.3": { [arch()]: integrity } });
  expect(readFileSync(binary, "utf8")).toBe("a node");
  expect(readdirSync(join(binary, ".."))).toEqual(["node"]);
  // One that was fetched for another pin is not taken for it.
  await expect(nodeBinary("1.2.3", { "1.2.3": { [arch()]: pinned } })).rejects.toThrow("was refused");
});

test("a release without a pin is not fetched, and what to pin is said", async () => {
  const { isCalled } = fakeNpm();
  await expect(nodeBinary("1.2.3")).rejects.toThrow(
    `embedded/src/node.ts has no integrity of ${name}@1.2.3: \`npm view ${name}@1.2.3 dist.integrity\` tells it.`,
  );
  expect(isCalled()).toBe(false);
});
