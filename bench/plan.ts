// A plan of an unchanged stack, against plain terraform in the same image, with the same providers and the same simulated AWS.
import { RUNS } from "./measure.js";
import { measuredBy } from "./scenario.js";

/** Measures, and returns the ratios as lines. */
export async function benchPlan(): Promise<string[]> {
  console.error(`plan: ${RUNS} rounds on a simulated AWS; its network is applied first`);
  const row = await measuredBy("plan-bench", ["terraform"]);
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
