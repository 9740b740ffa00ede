// A build with a cache of its own. `go` is a script, and the folder of modules is the test's.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { cache, embeddedDir } from "../../embedded/src/cache.js";
import { goBuild } from "../../embedded/src/go.js";
import { printTo } from "../../embedded/src/steps.js";
import { temporaryFolder } from "./temporary.js";

vi.mock("../../embedded/src/cache.js", async (original) => {
  const { temporaryFolder } = await import("./temporary.js");
  return { ...(await original<typeof import("../../embedded/src/cache.js")>()), embeddedDir: temporaryFolder() };
});

afterEach(() => vi.unstubAllEnvs());

// A result is made under a lock of flock, which macOS has not.
test.runIf(process.platform === "linux")(
  "the cache stays until its result is kept, also where that was made of sources that changed meanwhile",
  async () => {
    const source = join(embeddedDir, "go/large");
    const bin = temporaryFolder();
    const edit = join(bin, "edit");
    mkdirSync(source, { recursive: true });
    writeFileSync(edit, "");
    const script = `#!/bin/sh
[ "$1" = build ] || exit 0
mkdir -p "$GOCACHE"
[ ! -e ${edit} ] || mv ${edit} ${source}
`;
    writeFileSync(join(bin, "go"), script, { mode: 0o755 });
    vi.stubEnv("PATH", `${bin}:${process.env.PATH}`);
    vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
    printTo(() => {});
    const ownCache = `${cache.goBuild}-large`;
    const build = () => goBuild({ module: "large", ownCache: true });
    await expect(build()).rejects.toThrow("has changed while it was made");
    expect(existsSync(ownCache)).toBe(true);
    const result = await build();
    expect(existsSync(result)).toBe(true);
    expect(existsSync(ownCache)).toBe(false);
    // Another process may be at work in it: it is not for one that has found the result.
    mkdirSync(ownCache);
    expect(await build()).toBe(result);
    expect(existsSync(ownCache)).toBe(true);
  },
);
