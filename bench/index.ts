// npm run bench: how long the pipeline takes, and what of it is its own cost. All figures come from one run, so that their
// ratios hold when the machine's speed drifts; compare ratios, not seconds, between machines. `npm run bench -- plan` measures
// one part.
import { daggerw } from "../test/engine/daggerw.js";
import { terraformIsThere } from "../test/engine/providers.js";
import { benchCi } from "./ci.js";
import { benchGitops } from "./gitops.js";
import { table } from "./measure.js";
import { benchPlan } from "./plan.js";

const parts: Record<string, () => Promise<string[]>> = { plan: benchPlan, gitops: benchGitops, ci: benchCi };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0)
  throw new Error(`There is no part ${unknown.join(", ")}. Known: ${Object.keys(parts).join(", ")}.`);
await daggerw(["engine", "start"]);
const ratios: string[] = [];
// ci last: it empties the engine's cache.
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  if (name === "plan" && !terraformIsThere()) continue;
  ratios.push(...(await measure()));
}
console.log(`${table()}\n\n${ratios.join("\n")}`);
