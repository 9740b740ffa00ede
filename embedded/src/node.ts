// Node.js from the npm registry, where each of its releases is a package for each processor.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { cache } from "./cache.js";
import { $ } from "./shell.js";
import { built } from "./steps.js";

/** The environment for npm: the host's, with its downloads in the cache folder. Without a network it ends after 12 s, and not after 70. */
export const npmEnvironment = () => ({
  npm_config_fetch_retry_mintimeout: "2000",
  npm_config_fetch_retry_maxtimeout: "10000",
  ...process.env,
  npm_config_cache: cache.npm,
  npm_config_update_notifier: "false",
});

type Integrities = Record<string, Record<string, string>>;

/** The packages of each release that is used (`NODE_VERSION` of sdk.ts, and the table's image of git), by processor. */
export const integrities: Integrities = {
  "24.21.0": {
    arm64: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
    x64: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
};

/** The `node` of a release, for this processor; it links to Debian's libraries. */
export async function nodeBinary(version: string, pins: Integrities = integrities): Promise<string> {
  const name = `node-linux-${arch()}`;
  const integrity = pins[version]?.[arch()];
  if (!integrity) throw new Error(notPinned(`${name}@${version}`));
  const result = await built(
    "node",
    { values: [version, integrity] },
    async (outDir) => {
      const quiet = $({ quiet: true, cwd: outDir, env: npmEnvironment() });
      const archive = `${name}-${version}.tgz`;
      await quiet`npm pack --loglevel error ${name}@${version}`; // --silent tells no errors either
      const got = integrityOf(join(outDir, archive));
      if (got !== integrity) throw new Error(refused(`${name}@${version}`, got, integrity));
      await quiet`tar -xzf ${archive} package/bin/node`;
      await rename(join(outDir, "package/bin/node"), join(outDir, "node"));
      for (const left of ["package", archive]) await rm(join(outDir, left), { recursive: true });
    },
    { title: `fetch Node.js ${version}` },
  );
  return join(result, "node");
}

/** As npm writes it. */
const integrityOf = (path: string) => `sha512-${createHash("sha512").update(readFileSync(path)).digest("base64")}`;

const notPinned = (what: string) =>
  `embedded/src/node.ts has no integrity of ${what}: \`npm view ${what} dist.integrity\` tells it.`;

const refused = (what: string, got: string, pinned: string) =>
  `${what} from npm's registry was refused: its integrity is ${got}, embedded/src/node.ts says ${pinned}. ` +
  "The download was damaged or tampered with: try again, then look at npm's registry setting and any proxy in between.";
