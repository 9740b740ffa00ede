// Looks at this machine and chooses.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { choose } from "./choose.js";
import { isCached } from "./official.js";
import { engineVersion, probe, slowOnes, thisHost } from "./probe.js";
import type { Context } from "./provide.js";
import type { Choice, Facts } from "./types.js";

/** How long a slow container runtime is waited for when there is nothing else, or an engine would have to be built. */
const PATIENCE_MS = 20_000;

export interface Decision {
  facts: Facts;
  choice: Choice;
}

export async function decide({ root, cache, say }: Pick<Context, "root" | "cache" | "say">): Promise<Decision> {
  const look = (patience: { patienceMs?: number } = {}) =>
    probe(thisHost(root), isCached(cache, engineVersion(root)), patience);
  const facts = await look();
  const slow = slowOnes(facts.containers);
  if (slow.length === 0 || !needsContainers(facts, cache)) return { facts, choice: choose(facts) };
  const otherwise = canBeEmbedded(facts) ? "an engine is built from source" : "giving up";
  say(`${slow.join(", ")}: no answer yet. Asked once more, before ${otherwise} …`);
  const second = await look({ patienceMs: PATIENCE_MS });
  return { facts: second, choice: choose(second) };
}

const canBeEmbedded = ({ forced, embeddedObstacle }: Facts) => !forced && !embeddedObstacle;

/** Whether nothing else that is at hand would do. */
function needsContainers(facts: Facts, cache: string): boolean {
  if (facts.runnerHost || facts.containers.answering) return false;
  return facts.forced === "official" || (!facts.forced && !(canBeEmbedded(facts) && isEngineBuilt(cache)));
}

/** Perhaps of other sources than today's: most of it is then there still. */
function isEngineBuilt(cache: string): boolean {
  const built = join(cache, "built");
  return existsSync(built) && readdirSync(built).some((name) => name.startsWith("go-engine-"));
}
