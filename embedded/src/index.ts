// The embedded engine's table of contents: what daggerw calls (the interface is EmbeddedProvider in wrapper/types.ts).
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Call } from "../../wrapper/types.js";
import { cache, cacheRoot } from "./cache.js";
import { describeCalls, noteCall, otherCalls } from "./calls.js";
import { besides, buildGroup, buildsOf, groupStates, groupsFor, partsOf } from "./demand.js";
import {
  engineBinaries,
  engineFiles,
  engineRoot,
  engineSocket,
  engineVersion,
  isEngineBuilt,
  runningEngine,
  startEngine,
  stopEngine,
} from "./engine.js";
import { downloadAhead, isGoBuilt } from "./go.js";
import type { GroupName } from "./images.js";
import { images, mirror, mirrorFiles, runningMirror, startMirror, stopMirror } from "./mirror.js";
import { hostFacts, isBuilt, preflight, preflightSpace } from "./preflight.js";
import { commonBuilds } from "./recipes/index.js";
import { sdkContent } from "./sdk.js";
import { locked, say, seconds } from "./steps.js";

/**
 * Builds what is missing and starts what doesn't run; quick when there is nothing to do. `call` is the one of the
 * module's functions that is going to be made, which may need more than others.
 */
export async function ensure(call?: Call) {
  return await makeReady(call ? groupsFor(call) : [], `for \`${call?.name}\``, buildAndStart);
}

/** The CLI if it is built, for what needs no engine. */
export async function builtCli() {
  return isEngineBuilt() ? cliOf(await engineBinaries()) : undefined;
}

/** Builds the CLI where it isn't built, and starts nothing: for an engine elsewhere. */
export async function buildCli() {
  if (!isEngineBuilt()) preflight(hostFacts(missingShare()));
  return cliOf(await engineBinaries());
}

/** How much of what every call needs is to be built, from 0 to 1. */
function missingShare(): number {
  const builds = commonBuilds();
  return builds.filter((one) => !isGoBuilt(one)).length / builds.length;
}

/** Builds what is missing, with groups that a person asks for, and starts nothing. */
export async function build(...names: GroupName[]): Promise<void> {
  await makeReady(names, "as asked for", buildOnly);
  for (const name of names) say(`Built: ${partsOf(name)}.`);
}

async function makeReady<T>(groups: GroupName[], why: string, finish: () => Promise<T>): Promise<T> {
  noteCall("prepares");
  const missing = missingShare();
  const fresh = missing > 0;
  // One group alone is looked at when it is its turn, with all that it needs.
  if (!fresh && groups.length > 1) preflightSpace(besides(groups));
  if (fresh) {
    preflight(hostFacts(missing, besides(groups)));
    say(
      isBuilt()
        ? "Parts of the embedded engine have changed since it was built: they are built anew."
        : "The embedded engine, its images and the TypeScript SDK are built once, from source: about 25 minutes on 2 cores.",
    );
  }
  const started = Date.now();
  const endDownloads = downloadAhead([...groups.flatMap(buildsOf), ...(fresh ? commonBuilds() : [])]);
  try {
    // Outside of the lock: calls that need nothing of it must not wait for it.
    for (const name of groups) await buildGroup(name, why);
    const result = await locked("embedded", finish);
    if (fresh) say(`All is ready after ${seconds(Date.now() - started)}; from now on it takes seconds.`);
    return result;
  } finally {
    endDownloads();
  }
}

async function engineParts() {
  const [binaries, root] = await Promise.all([engineBinaries(), engineRoot()]);
  return { binaries, root, sdk: await sdkContent() };
}

async function buildOnly() {
  await engineParts();
  await images(); // A mirror that runs keeps those that it has: the next call starts it anew.
}

async function buildAndStart() {
  const { binaries, root, sdk } = await engineParts();
  await startEngine({ binaries, root, sdk, mirror: await startMirror() });
  const pid = runningEngine();
  noteCall("runs");
  return {
    ...cliOf(binaries),
    runnerHost: `unix://${engineSocket()}`,
    isAlive: () => runningEngine() === pid,
  };
}

const cliOf = (binaries: string) => ({
  cli: join(binaries, "dagger"),
  // The CLI notes an identifier of its own where programs keep their state.
  env: { DAGGER_NO_NAG: "1", XDG_STATE_HOME: join(cache.run, "state") },
});

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

/** Stops all that it started, and returns when it is gone. */
export async function stop(): Promise<void> {
  await locked("embedded", stopAll);
}

/** The same, and then removes it, while nobody can start or build anything. */
export async function stopAndRemove(remove: () => Promise<void>): Promise<void> {
  refuseWhileInUse();
  await locked("embedded", async () => {
    refuseWhileInUse(); // A call may have begun while this waited.
    await stopAll();
    await remove();
  });
}

function refuseWhileInUse() {
  const calls = otherCalls();
  if (calls.length > 0) throw new Error(`Not removed: it is in use by ${describeCalls(calls)}. End that first.`);
}

async function stopAll() {
  await stopEngine();
  await stopMirror();
}
