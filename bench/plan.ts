// A plan of an unchanged stack, against plain terraform in the same image, with the same providers and the same simulated AWS.
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { daggerw, repository } from "../test/engine/daggerw.js";
import { scenarioModule } from "../test/engine/scenarios.js";
import { median, RUNS, rows } from "./measure.js";

/** Measures, and returns the ratios as lines. */
export async function benchPlan(): Promise<string[]> {
  const source = mkdtempSync(join(tmpdir(), "bench-"));
  cpSync(join(repository, "terraform"), join(source, "terraform"), { recursive: true });
  const args = ["-m", scenarioModule(), "plan-bench", "--source", source, "--rounds", String(RUNS)];
  console.error(`plan: ${RUNS} rounds on a simulated AWS; its network is applied first`);
  const { exitCode, stdout, stderr } = await daggerw(["-s", "call", ...args]);
  if (exitCode !== 0) throw new Error(stderr);
  const times = JSON.parse(stdout) as Record<string, number[]>;
  const row = (name: string, what: string, aim?: string) => {
    const seconds = times[name] ?? [];
    rows.push({ what, seconds, aim });
    return median(seconds);
  };
  const warm = row("warm", "plan of an unchanged network, warm: plan file, JSON, summary");
  const plain = row("plain warm", "plain terraform: init, workspace select, plan -out");
  const shown = row("plain warm with JSON", "plain terraform, and show -json");
  const cold = row("cold", "plan, cold (no providers in the cache)");
  const plainCold = row("plain cold", "plain terraform, cold");
  return [
    `plan warm / plain terraform: ${(warm / plain).toFixed(2)}x (aim ≤ 1.2x)`,
    `plan warm / plain terraform with the JSON: ${(warm / shown).toFixed(2)}x`,
    `plan cold / plain terraform cold: ${(cold / plainCold).toFixed(2)}x`,
  ];
}
