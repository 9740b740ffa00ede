// Nothing to Flux, and commit to new version, against plain scripts on the same node with the same files.
import { RUNS } from "./measure.js";
import { measuredBy } from "./scenario.js";

/** Measures, and returns the ratios as lines. */
export async function benchGitops(): Promise<string[]> {
  console.error(`gitops: ${RUNS} rounds, each on a platform of its own and a bare node`);
  const row = await measuredBy("gitops-bench", ["appManifests", "clusters", "test/app"]);
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
