// The table of functions in README.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../engine/daggerw.js";

/** The functions of the table, as the CLI calls them; a row may have several. */
export function documentedFunctions(): string[] {
  const readme = readFileSync(join(repository, "README.md"), "utf8");
  const [, section = ""] = /^## Functions\n(.*?)^## /ms.exec(readme) ?? [];
  const cells = section.match(/^\| `[^|]+/gm) ?? [];
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}
