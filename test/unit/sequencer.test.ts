// The order of the files with the real engine.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { repository } from "../engine/daggerw.js";
import { last, longest } from "../sequencer.js";

it("puts files first and last that are there", () => {
  expect(readdirSync(join(repository, "test/engine"))).toEqual(expect.arrayContaining([...longest, last]));
});
