import { ClusterError } from "./clusterErrors.js";
import { API, type Canary, durationSeconds } from "./fluxObjects.js";
import type { Cluster } from "./kubernetes.js";
import { isAnalysed } from "./release.js";
import type { Log } from "./steps.js";

/**
 * Asks Flagger for an analysis of what its target has now. By itself it makes none of pods that it has judged before, whatever was
 * wrong then, nor of those of a version that was taken back in the middle of its analysis: it keeps two hashes of pod specs
 * (pkg/canary/spec.go, v1.44.0), and takes the second for promoted. A Canary without the first is analysed at its next look.
 *
 * Where that can't be, the Canary stays as it is, and is judged as such.
 *
 * @returns whether that is settled: where the Canary has changed meanwhile, or the API server was busy, it is to be asked again
 */
export async function askForAnalysis(api: Cluster, canary: Canary, log: Log): Promise<boolean> {
  const { namespace = "", name = "", resourceVersion } = canary.metadata ?? {};
  // Of the Canary as it was seen: one that Flagger has begun to analyse meanwhile has another version.
  const change = { metadata: { resourceVersion }, status: { lastAppliedSpec: "" } };
  try {
    await api.patchStatus({ apiVersion: API.Canary, kind: "Canary", namespace, name }, change);
    log(
      `Canary ${namespace}/${name}: Flagger leaves these pods alone, as if it had judged them before, and is asked to analyse them`,
    );
    return true;
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    log(
      `Canary ${namespace}/${name}: Flagger leaves these pods alone, and could not be asked to analyse them: ${error.message}`,
    );
    return error.problem !== "conflict" && !error.transient;
  }
}

/** How long an analysis by Flagger can go on, by the values of the chart. */
export function analysisSeconds(values: Record<string, unknown>): number {
  if (!isAnalysed(values)) return 0;
  const canary = values.canary as Record<string, unknown>;
  const { interval, iterations, threshold, progressDeadlineSeconds, maxWeight, stepWeight } = canary;
  const number = (value: unknown, otherwise: number) => (typeof value === "number" ? value : otherwise);
  const steps = Math.ceil(number(maxWeight, 50) / number(stepWeight, 10));
  const isByWeight = (canary.provider ?? "kubernetes") !== "kubernetes";
  // To see the new version, to warm it up, to promote it and to finish each take an interval too.
  const checks = (isByWeight ? steps : number(iterations, 5)) + number(threshold, 3) + 4;
  return (durationSeconds(String(interval)) ?? 30) * checks + number(progressDeadlineSeconds, 300);
}
