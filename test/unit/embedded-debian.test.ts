import { existsSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { aptEnvironment } from "../../embedded/src/debian.js";
import { temporaryFolder } from "./temporary.js";

afterEach(() => vi.unstubAllEnvs());

test.runIf(existsSync("/usr/share/keyrings/debian-archive-keyring.gpg"))(
  "packages' scripts have a temporary folder, which the caller's is not: they run in another root",
  async () => {
    vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
    vi.stubEnv("TMPDIR", "/scratch/only/of/this/host");
    expect((await aptEnvironment()).TMPDIR).toBe("/tmp");
  },
);
