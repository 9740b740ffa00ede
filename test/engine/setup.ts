// Before the engine tests: whatever daggerw has to fetch or build on this machine, once and in view, so that no test's time
// limit has to allow for it.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { repository } from "./daggerw.js";

/** Terraform's providers take half an hour more: their tests are skipped without them (providers.ts). */
const NEEDED = ["build", "simulator", "gitops"];

export default function setup() {
  for (const command of NEEDED)
    execFileSync(join(repository, "daggerw"), ["engine", command], {
      cwd: repository,
      stdio: ["ignore", "inherit", "inherit"],
    });
}
