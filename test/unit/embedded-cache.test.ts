import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { expect, test, vi } from "vitest";
import { cache, cacheRoot } from "../../embedded/src/cache.js";
import { madeIn, ownFolder } from "../../wrapper/cache.js";
import { repository } from "../engine/daggerw.js";
import { temporaryFolder } from "./temporary.js";

test("DAGGERW_CACHE names the cache folder", () => {
  expect(cacheRoot({ DAGGERW_CACHE: "/big/disk", XDG_CACHE_HOME: "/x", HOME: "/home/me" })).toBe("/big/disk");
});

test("without it, it lies where caches of the user lie", () => {
  expect(cacheRoot({ XDG_CACHE_HOME: "/x", HOME: "/home/me" })).toBe("/x/daggerw");
  expect(cacheRoot({ HOME: "/home/me" })).toBe("/home/me/.cache/daggerw");
});

test("only what daggerw has made is its own to remove", () => {
  const root = temporaryFolder();
  for (const name of ["go", "tmp", "mine"]) mkdirSync(join(root, name));
  vi.stubEnv("DAGGERW_CACHE", root);
  for (const path of [cache.goBuild, cache.locks, cache.tmp]) expect(existsSync(path)).toBe(true);
  expect(madeIn(root).sort()).toEqual([".daggerw", "locks"]);
  vi.unstubAllEnvs();
});

test("a cache folder from before there was a note is all daggerw's, unless other things lie in it", () => {
  const root = temporaryFolder();
  for (const name of ["go", "locks"]) mkdirSync(join(root, name));
  expect(madeIn(root).sort()).toEqual(["go", "locks"]);
  vi.stubEnv("DAGGERW_CACHE", root);
  expect(existsSync(cache.built)).toBe(true);
  expect(madeIn(root).sort()).toEqual([".daggerw", "built", "go", "locks"]);
  mkdirSync(join(root, "npm"));
  expect(madeIn(root).sort()).toEqual([".daggerw", "built", "go", "locks"]);
  vi.unstubAllEnvs();
});

test("every folder lies in the cache folder and exists when asked for", () => {
  const root = temporaryFolder();
  vi.stubEnv("DAGGERW_CACHE", root);
  for (const path of Object.values(cache)) {
    expect(`${path}/`).toContain(`${root}/`);
    expect(existsSync(path)).toBe(true);
  }
  vi.unstubAllEnvs();
});

const modeOf = (path: string) => statSync(path).mode & 0o7777;

test("the cache folder is made for its user alone, and one that was there keeps its mode", () => {
  const [outside, there] = [temporaryFolder(), temporaryFolder()];
  chmodSync(outside, 0o755);
  chmodSync(there, 0o755);
  const made = join(outside, "caches/daggerw");
  vi.stubEnv("DAGGERW_CACHE", made);
  expect(existsSync(cache.built)).toBe(true);
  expect(modeOf(made)).toBe(0o700);
  vi.stubEnv("DAGGERW_CACHE", there);
  expect(existsSync(cache.built)).toBe(true);
  expect(modeOf(there)).toBe(0o755);
  vi.unstubAllEnvs();
});

test.each(["775", "757", "1777"])("a cache folder that others can write to is refused: mode %s", (mode) => {
  const root = temporaryFolder();
  chmodSync(root, Number.parseInt(mode, 8));
  vi.stubEnv("DAGGERW_CACHE", root);
  for (const used of [() => cache.root, () => cache.built])
    expect(used).toThrow(
      `Others can write to the cache folder ${root} (mode ${mode}), and so change the programs that are run from it.\n` +
        `If it is daggerw's alone, and you trust what is in it: chmod 700 ${root}\n` +
        `Else point DAGGERW_CACHE to a folder that is not there yet, such as ${root}/daggerw: it is made for you alone.`,
    );
  expect(existsSync(join(root, "built"))).toBe(false);
  chmodSync(root, 0o700);
  expect(existsSync(cache.built)).toBe(true);
  vi.unstubAllEnvs();
});

test.runIf(process.getuid?.() === 0)("another user's cache folder is refused, and root's is not", () => {
  const root = temporaryFolder();
  chownSync(root, 12345, 12345);
  expect(() => ownFolder(root)).toThrow(`The cache folder ${root} is another user's (uid 12345), who can change`);
  chownSync(root, 0, 0);
  const getuid = vi.spyOn(process, "getuid").mockReturnValue(12345);
  expect(ownFolder(root)).toBe(root);
  getuid.mockRestore();
});

/** Runs the wrapper's own code as another user, and tells what it refused. */
function refusedAs(uid: number, folder: string): string {
  const code = join(temporaryFolder(), "cache.mjs");
  buildSync({
    entryPoints: [join(repository, "wrapper/cache.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: code,
  });
  chmodSync(dirname(code), 0o755);
  const script = `import(${JSON.stringify(code)}).then(({ ownFolder }) => ownFolder(${JSON.stringify(folder)})).catch(({ message }) => console.log(message))`;
  return execFileSync(process.execPath, ["-e", script], { uid, gid: uid, cwd: "/", encoding: "utf8" }).trim();
}

/** Node may lie in root's home, and temporary files in a folder of root's alone. */
function mayRunNode(): boolean {
  if (process.getuid?.() !== 0) return false;
  const script = "process.chdir(process.argv[1])";
  return spawnSync(process.execPath, ["-e", script, tmpdir()], { uid: 65_534, gid: 65_534, cwd: "/" }).status === 0;
}

test.runIf(mayRunNode())("root's cache folder is used by those who may read it", () => {
  const root = temporaryFolder();
  expect(refusedAs(65_534, root)).toMatch(/ is root's alone \(mode 700\).*\nAs root: chmod 755 /);
  chmodSync(root, 0o755);
  expect(refusedAs(65_534, root)).toBe("");
});

test.runIf(mayRunNode())("daggerw's own folder is taken from its user's own group, whose umask let it write", () => {
  const root = temporaryFolder();
  chownSync(root, 65_534, 65_534);
  chmodSync(root, 0o775);
  expect(refusedAs(65_534, root)).toMatch(/^Others can write to the cache folder /); // it may be anybody's
  writeFileSync(join(root, ".daggerw"), "cli\n");
  expect(refusedAs(65_534, root)).toBe("");
  expect(statSync(root).mode & 0o777).toBe(0o700);
});

test("a call that runs does not end because its cache folder's mode was changed meanwhile", () => {
  const root = temporaryFolder();
  expect(ownFolder(root)).toBe(root);
  chmodSync(root, 0o777);
  expect(ownFolder(root)).toBe(root);
});
