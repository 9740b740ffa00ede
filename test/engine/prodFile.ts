// Prod's release file, which no run may change without consent.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect } from "vitest";
import { repository } from "./daggerw.js";

const read = () => readFileSync(join(repository, "clusters/prod/release.yaml"), "utf8");

/** After each test of a file, prod's release file must be as it was before the first. */
export function keepsProdFile(): void {
  const before = read();
  afterEach(() => expect(read()).toBe(before));
}
