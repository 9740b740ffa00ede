// act, which runs the workflows, is built from Go modules. Not in act.ts: that needs a test runner, which the set-up before it has not.
import { execFileSync, spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { goEnvironment } from "../../embedded/src/go.js";
import { repository } from "./daggerw.js";

export const modules = join(repository, "test/act");

/** Go, which builds act once, with what the embedded parts have compiled already. */
export function goSettings(): NodeJS.ProcessEnv {
  const env = goEnvironment();
  const plain = { NO_COLOR: "1", CLICOLOR_FORCE: "0" };
  // act wants a home for its settings, and not every caller has one.
  return {
    ...env,
    ...plain,
    HOME: env.HOME || homedir(),
    GOFLAGS: `${env.GOFLAGS} -trimpath -gcflags=all=-dwarf=false`,
  };
}

/** Builds act, where that has not been done yet: some minutes. */
export function buildAct(): void {
  console.error("Building act, which runs the workflows, where that has not been done yet.");
  execFileSync("go", ["-C", modules, "tool", "act", "--version"], { env: goSettings(), stdio: "inherit" });
}

/** act is built from Go modules: a host with Docker needs no Go. */
export function actIsThere(): boolean {
  if (spawnSync("go", ["version"]).status === 0) return true;
  console.error("Skipped: act, which runs the workflows, is built with Go, and there is none on PATH.");
  return false;
}
