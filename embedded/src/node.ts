// Node.js from the npm registry, where each of its releases is a package for each processor.
import { rename, rm } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { cache } from "./cache.js";
import { $ } from "./shell.js";
import { built } from "./steps.js";

/** The environment for npm: the host's, with its downloads in the cache folder. */
export const npmEnvironment = () => ({
  ...process.env,
  npm_config_cache: cache.npm,
  npm_config_update_notifier: "false",
});

/** The `node` of a release, for this processor; it links to Debian's libraries. */
export async function nodeBinary(version: string): Promise<string> {
  const result = await built(
    "node",
    { values: [version] },
    async (outDir) => {
      const name = `node-linux-${arch()}`;
      const quiet = $({ quiet: true, cwd: outDir, env: npmEnvironment() });
      await quiet`npm pack --silent ${name}@${version}`;
      await quiet`tar -xzf ${name}-${version}.tgz package/bin/node`;
      await rename(join(outDir, "package/bin/node"), join(outDir, "node"));
      for (const left of ["package", `${name}-${version}.tgz`]) await rm(join(outDir, left), { recursive: true });
    },
    { title: `fetch Node.js ${version}` },
  );
  return join(result, "node");
}
