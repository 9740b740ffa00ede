// npm run bench: how long the pipeline takes, and what of it is its own cost. All figures come from one run, so that their
// ratios hold when the machine's speed drifts; compare ratios, not seconds, between machines. `npm run bench -- plan` measures
// one part.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { repository } from "../test/engine/daggerw.js";
import { terraformIsThere } from "../test/engine/providers.js";
import { benchCi } from "./ci.js";
import { benchGitops } from "./gitops.js";
import { table } from "./measure.js";
import { benchPlan } from "./plan.js";

interface Part {
  measure: () => Promise<string[]>;
  /** What the embedded engine builds for it, once; another engine takes it from public registries. */
  builds: "simulator" | "gitops";
}

// gitops before ci, which compares with its scripts; ci last: it empties the engine's cache.
const parts: Record<string, Part> = {
  plan: { measure: benchPlan, builds: "simulator" },
  gitops: { measure: benchGitops, builds: "gitops" },
  ci: { measure: benchCi, builds: "gitops" },
};

/** Lets daggerw make something ready in view, so that no figure holds it; the table stays alone on stdout. */
const ready = (what: string) =>
  execFileSync(join(repository, "daggerw"), ["engine", what], { cwd: repository, stdio: ["ignore", 2, 2] });

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(", ")}. Known: ${Object.keys(parts).join(", ")}.`);
  process.exit(2);
}
const chosen = Object.entries(parts)
  .filter(([name]) => wanted.length === 0 || wanted.includes(name))
  .filter(([name]) => name !== "plan" || terraformIsThere())
  .map(([, part]) => part);
ready("start");
for (const group of new Set(chosen.map(({ builds }) => builds))) ready(group);
const ratios: string[] = [];
for (const { measure } of chosen) ratios.push(...(await measure()));
console.log(`${table()}\n\n${ratios.join("\n")}`);
