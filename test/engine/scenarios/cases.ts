/** What scenarios with a result for each case share. */
import { realClock } from "./steps.js";

/** Notes what a case gave or threw. */
export type Note = (name: string, work: () => Promise<unknown>) => Promise<void>;

export const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Collects what cases give or throw, and tells it as they end. */
export function collector(): { results: Record<string, unknown>; note: Note } {
  const results: Record<string, unknown> = {};
  const note: Note = async (name, work) => {
    const began = Date.now();
    results[name] = await work().catch(textOf);
    console.log(
      `${name} (${((Date.now() - began) / 1000).toFixed(1)} s): ${JSON.stringify(results[name], undefined, 2)}`,
    );
  };
  return { results, note };
}

/** Looks twice a second until there is something. */
export async function until<T>(what: string, look: () => Promise<T | false>, timeoutSeconds = 120): Promise<T> {
  for (const end = Date.now() + timeoutSeconds * 1000; Date.now() < end; await realClock.sleep(500)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`not within ${timeoutSeconds} s: ${what}`);
}
