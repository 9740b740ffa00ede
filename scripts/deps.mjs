// Installs npm packages when their lock file changed since the last time: `node scripts/deps.mjs [folder…]`, by default
// those of the root and of pipeline/. Plain JavaScript with Node's own modules only: it runs on a fresh clone, before
// anything is installed. Two at the same time install once: the second one waits for the first.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { locked } from "./lock.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What `ensureDeps` throws: its message is meant for the user. */
export class DepsError extends Error {}

/**
 * @param {object} [options]
 * @param {string[]} [options.folders]
 * @param {boolean} [options.dev] also what only development and tests need: most of it
 * @param {(line: string) => void} [options.say]
 */
export async function ensureDeps({
  folders = [root, join(root, "pipeline")],
  dev = true,
  say = (line) => console.error(line),
} = {}) {
  const outcomes = await Promise.allSettled(folders.map((folder) => install(folder, dev, say)));
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}

async function install(folder, dev, say) {
  if (isInstalled(folder, dev)) return;
  await locked(
    join(folder, ".deps.lock"),
    async (lock) => {
      if (isInstalled(folder, dev)) return;
      const wantsDev = dev || hasDev(folder);
      say(`npm ci in ${folder} (the lock file is new or has changed) …`);
      const started = Date.now();
      const wanted = stampOf(folder, wantsDev);
      await npmCi(folder, wantsDev, lock);
      writeFileSync(stampFile(folder), wanted);
      say(`npm ci in ${folder} done in ${Math.round((Date.now() - started) / 1000)} s`);
    },
    { onWait: (holder) => say(`Waiting for ${holder}, which is installing the npm packages in ${folder} …`) },
  );
}

const stampFile = (folder) => join(folder, "node_modules", ".installed");

/** What the installed packages depend on: the lock file, what native packages are chosen by, and whether those for development are there. */
export function stampOf(folder, dev = true) {
  const major = process.versions.node.split(".")[0];
  return createHash("sha256")
    .update(readFileSync(join(folder, "package-lock.json")))
    .update(`${process.platform} ${process.arch} ${major}${dev ? "" : " without dev"}`)
    .digest("hex");
}

function isInstalled(folder, dev) {
  try {
    const stamp = readFileSync(stampFile(folder), "utf8");
    return stamp === stampOf(folder) || (!dev && stamp === stampOf(folder, false));
  } catch (error) {
    if (error.code === "ENOENT" && error.path === stampFile(folder)) return false;
    throw error;
  }
}

/** Whether somebody has installed what development needs, which is not to be taken from under them. */
function hasDev(folder) {
  const { devDependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return Object.keys(devDependencies).some((name) => existsSync(join(folder, "node_modules", name)));
}

function npmCi(folder, dev, lock) {
  // Said in any case, since NODE_ENV would decide otherwise. npm's own output goes to stderr: stdout belongs to the caller's command.
  const args = ["ci", dev ? "--include=dev" : "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  return new Promise((done, fail) => {
    const npm = spawn("npm", args, { cwd: folder, stdio: ["ignore", 2, 2] });
    lock.add(npm.pid);
    npm.once("error", (error) =>
      fail(
        new DepsError(
          error.code === "ENOENT" ? "There is no `npm` on PATH (it comes with Node.js)." : `npm: ${error.message}`,
        ),
      ),
    );
    npm.once("exit", (code, signal) => {
      if (code === 0) done();
      else
        fail(new DepsError(`\`npm ci\` in ${folder} failed (${signal ?? `exit code ${code}`}); its output is above.`));
    });
  });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const folders = process.argv.slice(2).map((folder) => resolve(folder));
  try {
    await ensureDeps({ ...(folders.length > 0 && { folders }) });
  } catch (error) {
    console.error(error instanceof DepsError ? error.message : error);
    process.exitCode = 1;
  }
}
