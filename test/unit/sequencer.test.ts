// The order of the files with the real engine.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { repository } from "../engine/daggerw.js";
import { besideCi, withNodes } from "../sequencer.js";

it("has a place for every file with the real engine", () => {
  const files = readdirSync(join(repository, "test/engine")).filter((name) => name.endsWith(".test.ts"));
  expect([...withNodes, ...besideCi].sort()).toEqual(files.sort());
});
