// The first JavaScript that daggerw runs: it makes sure that the packages are there, then starts main.ts.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { importTypeScript } from "../scripts/bundle.mjs";
import { DepsError, ensureDeps } from "../scripts/deps.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
try {
  // Without the packages of development and tests: a job that only calls would wait for them ten times as long.
  await ensureDeps({ folders: [root], dev: false, say: (line) => console.error(`daggerw: ${line}`) });
  const { main } = await importTypeScript(root, join(root, "wrapper", "main.ts"));
  const loadEmbedded = async () => {
    const entry = join(root, "embedded", "src", "index.ts");
    if (!existsSync(entry)) throw new Error(`${entry} is missing: the checkout is incomplete.`);
    return await importTypeScript(root, entry);
  };
  process.exit(await main(process.argv.slice(2), { root, loadEmbedded }));
} catch (error) {
  console.error(error instanceof DepsError ? `daggerw: ${error.message}` : error);
  process.exit(1);
}
