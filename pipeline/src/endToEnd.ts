import type { EnvironmentEntry } from "./environments.js";
import type { Cluster } from "./kubernetes.js";
import { podEvidence } from "./podEvidence.js";
import { formatLoad, LoadProbe, ProbeFailure, requireHttp } from "./probe.js";
import { type Log, realClock } from "./steps.js";

/** The port that the application's Services and pods serve on. */
export const APP_PORT = 8080;

/** An answer that takes longer, in milliseconds, fails the end-to-end check. */
const SLOW_AFTER_MS = 2000;

/**
 * Checks the running application as a user would: through a port-forward to port 8080, for status, body and the version
 * that answers.
 *
 * @returns a line that says what was checked
 * @throws ProbeFailure saying what is wrong with the answer, with state, events and last log lines of the pods
 */
export async function endToEnd(api: Cluster, environment: EnvironmentEntry, tag: string, log: Log): Promise<string> {
  const forward = await api.portForward(environment.namespace, `${environment.helmRelease}-primary`, APP_PORT, { log });
  try {
    await requireHttp(`${forward.url}/healthz`, {});
    await requireHttp(`${forward.url}/readyz`, {});
    const { status, ms } = await requireHttp(forward.url, {
      expectBody: tag,
      timeoutMs: 10_000,
      slowAfterMs: SLOW_AFTER_MS,
    });
    return `HTTP ${status} from ${tag} in ${Math.round(ms)} ms on port ${APP_PORT}`;
  } catch (error) {
    if (!(error instanceof ProbeFailure)) throw error;
    throw new ProbeFailure(error.result, await podEvidence(api, environment.namespace, forward.selector));
  } finally {
    await forward.close();
  }
}

/**
 * Sends requests to the application while `work` runs, and for a moment after it. Where nothing answers yet, it only works.
 *
 * @returns what `work` returned, and a line on the requests
 * @throws Error when a request failed, with the first reasons, and what the pods say that serve now
 */
export async function underLoad<T>(
  api: Cluster,
  environment: EnvironmentEntry,
  log: Log,
  work: () => Promise<T>,
): Promise<{ value: T; summary: string }> {
  const way = await wayTo(api, environment, log);
  if ("obstacle" in way) return { value: await work(), summary: `not under load: ${way.obstacle}` };
  const { forward } = way;
  const load = new LoadProbe(forward.url, { perSecond: 10, timeoutMs: 5000 });
  load.start();
  const outcome = await work().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("value" in outcome) await realClock.sleep(1000);
  const summary = await load.stop();
  await forward.close();
  // Why the upgrade failed says more than what the requests saw of it.
  if ("error" in outcome) throw outcome.error;
  if (summary.failed > 0) {
    const evidence = await podEvidence(api, environment.namespace, forward.selector);
    throw new Error([`Requests failed during the upgrade: ${formatLoad(summary)}`, ...evidence].join("\n"));
  }
  return { value: outcome.value, summary: formatLoad(summary) };
}

/** Ten requests a second that fail for one reason are one line. */
function eachOnce(log: Log): Log {
  const said = new Set<string>();
  return (line) => {
    if (said.has(line)) return;
    said.add(line);
    log(line);
  };
}

/** A way to the application; or why there is none, as before the first deployment. */
async function wayTo(api: Cluster, { namespace, helmRelease }: EnvironmentEntry, log: Log) {
  try {
    return { forward: await api.portForward(namespace, helmRelease, APP_PORT, { log: eachOnce(log) }) };
  } catch (error) {
    return { obstacle: error instanceof Error ? error.message : String(error) };
  }
}
