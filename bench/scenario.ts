// Measurements that a scenario makes inside the engine, where it can compare with a plain script.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { daggerw, repository } from "../test/engine/daggerw.js";
import { scenarioModule } from "../test/engine/scenarios.js";
import { median, RUNS, rows } from "./measure.js";
import { temporaryFolder } from "./temporary.js";

/** Adds a row of what was measured under a name, and returns its median. */
type AddRow = (name: string, what: string, aim?: string) => number;

/**
 * Runs a scenario that returns the seconds of each of its rounds, by name.
 *
 * @param folders the parts of the repository that it needs
 */
export async function measuredBy(scenario: string, folders: readonly string[]): Promise<AddRow> {
  const source = temporaryFolder();
  for (const folder of folders) cpSync(join(repository, folder), join(source, folder), { recursive: true });
  const args = ["-m", scenarioModule(temporaryFolder()), scenario, "--source", source, "--rounds", String(RUNS)];
  const { exitCode, stdout, stderr } = await daggerw(["-s", "call", ...args]);
  if (exitCode !== 0) throw new Error(stderr);
  const times = JSON.parse(stdout) as Record<string, number[]>;
  return (name, what, aim) => {
    const seconds = times[name] ?? [];
    rows.push({ what, seconds, aim });
    return median(seconds);
  };
}
