// Before the engine tests: whatever daggerw has to fetch or build on this machine, once and in view, so that no test's time
// limit has to allow for it.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { repository } from "./daggerw.js";

export default function setup() {
  execFileSync(join(repository, "daggerw"), ["version"], { cwd: repository, stdio: ["ignore", "inherit", "inherit"] });
}
