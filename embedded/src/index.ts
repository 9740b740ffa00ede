// The embedded engine's table of contents: what daggerw calls (the interface is EmbeddedProvider in wrapper/types.ts).
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Call } from "../../wrapper/types.js";
import { cache, cacheRoot } from "./cache.js";
import { buildGroup, groupStates, groupsFor, partsOf } from "./demand.js";
import {
  engineBinaries,
  engineFiles,
  engineRoot,
  engineSocket,
  engineVersion,
  runningEngine,
  startEngine,
  stopEngine,
} from "./engine.js";
import type { GroupName } from "./images.js";
import { mirror, mirrorFiles, runningMirror, startMirror, stopMirror } from "./mirror.js";
import { isBuilt, preflight } from "./preflight.js";
import { sdkContent } from "./sdk.js";
import { locked, say, seconds } from "./steps.js";

/**
 * Builds what is missing and starts what doesn't run; quick when there is nothing to do. `call` is the one of the
 * module's functions that is going to be made, which may need more than others.
 */
export async function ensure(call?: Call) {
  return await makeReady(call ? groupsFor(call) : [], `for \`${call?.name}\``);
}

/** The same, with groups that a person asks for. */
export async function build(...names: GroupName[]): Promise<void> {
  await makeReady(names, "as asked for");
  for (const name of names) say(`In the mirror: ${partsOf(name)}.`);
}

async function makeReady(groups: GroupName[], why: string) {
  const fresh = !isBuilt();
  if (fresh) {
    preflight();
    say(
      "The embedded engine, its images and the TypeScript SDK are built once, from source: about half an hour on 2 cores.",
    );
  }
  const started = Date.now();
  // Outside of the lock: calls that need nothing of it must not wait for it.
  for (const name of groups) await buildGroup(name, why);
  const engine = await locked("embedded", async () => {
    const [binaries, root] = [await engineBinaries(), await engineRoot()];
    const sdk = await sdkContent();
    await startEngine({ binaries, root, sdk, mirror: await startMirror() });
    const pid = runningEngine();
    return {
      cli: join(binaries, "dagger"),
      runnerHost: `unix://${engineSocket()}`,
      env: { DAGGER_NO_NAG: "1" },
      isAlive: () => runningEngine() === pid,
    };
  });
  if (fresh) say(`All is ready after ${seconds(Date.now() - started)}; from now on it takes seconds.`);
  return engine;
}

/** What is built and what runs, as lines for a person. Changes nothing. */
export async function status(): Promise<string[]> {
  if (!existsSync(cacheRoot())) return [`nothing built yet (it would go to ${cacheRoot()})`];
  const running = (pid: number | undefined, file: string, where: string) =>
    pid ? `running: pid ${pid}, since ${statSync(file).mtime.toISOString()}, ${where}` : "not running";
  return [
    `embedded engine ${engineVersion}: ${running(runningEngine(), engineFiles.pid, engineSocket())}`,
    `registry mirror: ${running(runningMirror(), mirrorFiles.pid, mirror().address)}`,
    ...groupStates(),
    `built: ${readdirSync(cache.built).filter((name) => !name.startsWith(".")).length} parts`,
  ];
}

/** Stops all that it started, and returns when it is gone: then the cache folder can be removed. */
export async function stop(): Promise<void> {
  await locked("embedded", async () => {
    await stopEngine();
    await stopMirror();
  });
}
