import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { aptEnvironment, debianArchive } from "../../embedded/src/debian.js";
import { temporaryFolder } from "./temporary.js";

afterEach(() => vi.unstubAllEnvs());

test.runIf(existsSync("/usr/share/keyrings/debian-archive-keyring.gpg"))(
  "packages' scripts have a temporary folder, which the caller's is not: they run in another root",
  async () => {
    vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
    vi.stubEnv("DAGGERW_DEBIAN_ARCHIVE", "http://mirror.example/debian"); // this host may have none
    vi.stubEnv("TMPDIR", "/scratch/only/of/this/host");
    expect((await aptEnvironment()).TMPDIR).toBe("/tmp");
  },
);

/** An `apt-get` whose `indextargets` has these origins and sites. */
function fakeApt(targets: [origin: string, site: string][]) {
  const folder = temporaryFolder();
  const lines = targets.map(([origin, site]) => `echo "$3" | sed -e 's|$(ORIGIN)|${origin}|' -e 's|$(SITE)|${site}|'`);
  writeFileSync(join(folder, "apt-get"), ["#!/bin/sh", ...lines].join("\n"), { mode: 0o755 });
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  vi.stubEnv("DAGGERW_DEBIAN_ARCHIVE", "");
}

test("the archive is Debian's, whoever else's address ends like it and comes first", () => {
  const others: [string, string] = ["Somebody", "https://example.com/linux/debian"];
  const security: [string, string] = ["Debian", "http://mirror.example/debian-security"];
  fakeApt([others, security, ["Debian", "http://mirror.example/debian/"]]);
  expect(debianArchive()).toBe("http://mirror.example/debian/");
});

test("where no lists have been fetched, the origins are unknown, and the first such address is taken", () => {
  fakeApt([
    ["", "http://mirror.example/debian"],
    ["", "https://example.com/linux/debian"],
  ]);
  expect(debianArchive()).toBe("http://mirror.example/debian");
  fakeApt([["", "http://archive.example/ubuntu"]]);
  expect(debianArchive).toThrow("Set DAGGERW_DEBIAN_ARCHIVE to the address of one.");
});
