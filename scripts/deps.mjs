// Installs the npm packages of the workspace (root and pipeline/) when their lock file changed since the last time.
// Plain JavaScript with Node's own modules only: it runs on a fresh clone, before anything is installed.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))

for (const folder of [root, join(root, "pipeline")]) {
  const lock = createHash("sha256")
    .update(readFileSync(join(folder, "package-lock.json")))
    .update(process.version)
    .digest("hex")
  const stamp = join(folder, "node_modules", ".installed")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) continue
  console.error(`npm ci in ${folder} (the lock file is new or has changed) …`)
  const started = Date.now()
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder, stdio: ["ignore", 2, 2] })
  writeFileSync(stamp, lock)
  console.error(`npm ci done in ${Math.round((Date.now() - started) / 1000)} s`)
}
