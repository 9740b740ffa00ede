import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryFolder } from "./temporary.js";

test("temporary folders are removed after each file, also of those that share what they import", () => {
  const TMPDIR = temporaryFolder();
  const files = ["embedded-cache", "embedded-debian"].map((name) => `test/unit/${name}.test.ts`);
  const options = ["run", "--project", "unit", "--no-file-parallelism"];
  const run = spawnSync("node_modules/.bin/vitest", [...options, ...files], {
    env: { ...process.env, TMPDIR },
    encoding: "utf8",
  });
  expect(run.status, run.stdout + run.stderr).toBe(0);
  expect(readdirSync(TMPDIR).filter((name) => name.startsWith("test-"))).toEqual([]);
}, 120_000); // a whole vitest, on a machine that may be busy
