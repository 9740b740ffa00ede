// Runs a scenario (scenarios/index.ts) on a copy of the working tree. Not in scenarios.ts: the bench uses that without a test runner.
import { expect } from "vitest";
import { temporaryFolder } from "../unit/temporary.js";
import { copyWith } from "./copyWith.js";
import { passing } from "./daggerw.js";
import { scenarioModule } from "./scenarios.js";

const module = scenarioModule(temporaryFolder());

/** Returns what it printed, in which none of the secrets that scenarios use may be. */
export async function scenario(name: string, ...more: string[]): Promise<string> {
  const { stdout } = await passing("-m", module, name, "--source", copyWith({}), ...more);
  for (const secret of ["wrong-password-1234", "revoked-token-1234"]) expect(stdout).not.toContain(secret);
  return stdout;
}
