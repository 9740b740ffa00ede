import { existsSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { cache, cacheRoot } from "../../embedded/src/cache.js";
import { temporaryFolder } from "./temporary.js";

test("DAGGERW_CACHE names the cache folder", () => {
  expect(cacheRoot({ DAGGERW_CACHE: "/big/disk", XDG_CACHE_HOME: "/x", HOME: "/home/me" })).toBe("/big/disk");
});

test("without it, it lies where caches of the user lie", () => {
  expect(cacheRoot({ XDG_CACHE_HOME: "/x", HOME: "/home/me" })).toBe("/x/daggerw");
  expect(cacheRoot({ HOME: "/home/me" })).toBe("/home/me/.cache/daggerw");
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
