// Nothing to Flux, and commit to new version, against plain scripts on the same node with the same files.
import { RUNS } from "./measure.js";
import { measuredBy } from "./scenario.js";

/** A node with Flux, a first version and a commit to serving, all by scripts; not a number until it was measured. */
export let plainWay = Number.NaN;

/** Measures, and returns the ratios as lines. */
export async function benchGitops(): Promise<string[]> {
  console.error(`gitops: ${RUNS} rounds, each on a platform of its own and a bare node`);
  const row = await measuredBy("gitops-bench", ["appManifests", "clusters", "test/app"]);
  const ready = row("flux ready", "nothing → node, git server and Flux ready", "≤ 25 s");
  const plainReady = row(
    "plain flux ready",
    "the same node, then kubectl apply and wait (no git server, nothing followed)",
  );
  const plainInstalled = row(
    "plain installed",
    "Flux ready → first version and Flagger ready, seen by kubectl in a script",
  );
  row("helm ready", "commit → HelmRelease Ready", "≤ 8 s");
  const out = row("out", "commit → new version analysed and serving (blue/green)");
  const plainOut = row("plain out", "the same commit by git and kubectl in a script");
  plainWay = plainReady + plainInstalled + plainOut;
  return [
    `Flux ready / plain script: ${(ready / plainReady).toFixed(2)}x`,
    `commit to serving / plain script: ${(out / plainOut).toFixed(2)}x`,
  ];
}
