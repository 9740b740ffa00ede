// The module of the scenarios: pipeline/ with the files of scenarios/ added, whose index.ts stands in place of its own.
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./daggerw.js";

/** Makes the module in an empty folder, for `-m`. */
export function scenarioModule(module: string): string {
  cpSync(join(repository, "dagger.json"), join(module, "dagger.json"));
  for (const name of readdirSync(join(repository, "pipeline")).filter((name) => !/^(node_modules|sdk)$/.test(name)))
    cpSync(join(repository, "pipeline", name), join(module, "pipeline", name), { recursive: true });
  const isSource = (path: string) => !path.endsWith("tsconfig.json");
  cpSync(join(repository, "test/engine/scenarios"), join(module, "pipeline/src"), {
    recursive: true,
    filter: isSource,
  });
  return module;
}
