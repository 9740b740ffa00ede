// Before the engine tests: whatever daggerw has to fetch or build on this machine, once and in view, so that no test's time
// limit has to allow for it. And what the machine's kernel is set to before any node.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { actIsThere, buildAct } from "./buildAct.js";
import { repository } from "./daggerw.js";

declare module "vitest" {
  export interface ProvidedContext {
    kernelSettings: Record<string, string>;
  }
}

/** Terraform's providers take half an hour more: their tests are skipped without them (providers.ts). */
const NEEDED = ["build", "simulator", "gitops"];

export default function setup(project: TestProject) {
  project.provide("kernelSettings", kernelSettings());
  for (const command of NEEDED)
    execFileSync(join(repository, "daggerw"), ["engine", command], {
      cwd: repository,
      stdio: ["ignore", "inherit", "inherit"],
    });
  // It would take the processors from the tests beside its own.
  if (project.name === "engine-ci" && actIsThere()) buildAct();
}

/** What a kubelet sets, and is the whole machine's; without those that this kernel does not show. */
export function kernelSettings(): Record<string, string> {
  const names = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"];
  const paths = [...names, "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"].map((name) => `/proc/sys/${name}`);
  return Object.fromEntries(
    paths.filter((path) => existsSync(path)).map((path) => [path, readFileSync(path, "utf8").trim()]),
  );
}
