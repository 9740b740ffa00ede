import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { cache, cacheRoot } from "../../embedded/src/cache.js";
import { madeIn } from "../../wrapper/cache.js";
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
