// Nothing to Flux, and commit to new version, against plain scripts on the same node with the same files.
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { daggerw, repository } from "../test/engine/daggerw.js";
import { scenarioModule } from "../test/engine/scenarios.js";
import { median, RUNS, rows } from "./measure.js";

/** Measures, and returns the ratios as lines. */
export async function benchGitops(): Promise<string[]> {
  const source = mkdtempSync(join(tmpdir(), "bench-"));
  for (const folder of ["appManifests", "clusters", "test/app"])
    cpSync(join(repository, folder), join(source, folder), { recursive: true });
  const args = ["-m", scenarioModule(), "gitops-bench", "--source", source, "--rounds", String(RUNS)];
  console.error(`gitops: ${RUNS} rounds, each on a platform of its own and a bare node`);
  const { exitCode, stdout, stderr } = await daggerw(["-s", "call", ...args]);
  if (exitCode !== 0) throw new Error(stderr);
  const times = JSON.parse(stdout) as Record<string, number[]>;
  const row = (name: string, what: string, aim?: string) => {
    const seconds = times[name] ?? [];
    rows.push({ what, seconds, aim });
    return median(seconds);
  };
  const ready = row("flux ready", "nothing → node, git server and Flux ready", "≤ 25 s");
  const plainReady = row(
    "plain flux ready",
    "the same node, then kubectl apply and wait (no git server, nothing followed)",
  );
  row("helm ready", "commit → HelmRelease Ready", "≤ 8 s");
  const out = row("out", "commit → new version analysed and serving (blue/green)");
  const plainOut = row("plain out", "the same commit by git and kubectl in a script");
  return [
    `Flux ready / plain script: ${(ready / plainReady).toFixed(2)}x`,
    `commit to serving / plain script: ${(out / plainOut).toFixed(2)}x`,
  ];
}
