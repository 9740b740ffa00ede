import { ClusterError } from "./clusterErrors.js";
import { API, type Canary } from "./fluxObjects.js";
import type { Cluster } from "./kubernetes.js";
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
