// Looks at this machine and chooses.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { choose } from "./choose.js";
import { isCached } from "./official.js";
import { engineVersion, probe, slowOnes, thisHost } from "./probe.js";
import type { Context } from "./provide.js";
import type { Choice, Facts } from "./types.js";

/** How long a slow container runtime is waited for when an engine would have to be built in its place. */
const PATIENCE_MS = 20_000;

export interface Decision {
  facts: Facts;
  choice: Choice;
}

export async function decide({ root, cache, say }: Pick<Context, "root" | "cache" | "say">): Promise<Decision> {
  const look = (patience: { patienceMs?: number } = {}) =>
    probe(thisHost(root), isCached(cache, engineVersion(root)), patience);
  const facts = await look();
  const choice = choose(facts);
  const slow = slowOnes(facts.containers);
  if (choice.cli !== "embedded" || facts.forced || slow.length === 0 || existsSync(join(cache, "built"))) {
    return { facts, choice };
  }
  say(`${slow.join(", ")}: no answer yet. Asked once more, before an engine is built from source …`);
  const second = await look({ patienceMs: PATIENCE_MS });
  return { facts: second, choice: choose(second) };
}
