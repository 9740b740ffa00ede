// The Dagger engine as a process on this host, without Docker: in a mount namespace and a root of its own, so that nothing
// that it rewrites (resolv.conf, iptables' links) is the host's.
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cache, embeddedDir } from "./cache.js";
import { callsThatRun, describeCalls, untilNobodyCalls } from "./calls.js";
import { debianRoot } from "./debian.js";
import { type GoBuild, goBuild, isGoBuilt } from "./go.js";
import { bridgeAddress, noteForwarding, restoreNetwork } from "./hostNetwork.js";
import { alive, endProcess, filesOf, readPid, untilItAnswers } from "./process.js";
import { hashOf, say, step } from "./steps.js";

/** The engine's version: the one that the module asks for. */
export const engineVersion = (
  JSON.parse(readFileSync(join(embeddedDir, "..", "dagger.json"), "utf8")) as { engineVersion: string }
).engineVersion;

/** After one that was killed it empties its cache first, a minute and more for a large one; what can't start ends by itself. */
const START_TIMEOUT_MS = 600_000;
const NAMESPACES_TIMEOUT_MS = 60_000;
/** It finishes what it writes, and takes its idle network namespaces down one by one. */
const STOP_TIMEOUT_MS = 120_000;

const versions = "github.com/dagger/dagger/engine";

export const engineBuild: GoBuild = {
  module: "engine",
  title: `build the Dagger engine and CLI ${engineVersion}`,
  tags: ["dfexcludepatterns", "dfparents"],
  ldflags: `-s -w -X ${versions}.Version=${engineVersion} -X ${versions}.Tag=${engineVersion}`,
};

/** The engine's and the CLI's binaries. */
export const engineBinaries = (): Promise<string> => goBuild(engineBuild);

/** Whether they are there, of today's sources. */
export const isEngineBuilt = (): boolean => isGoBuilt(engineBuild);

/** What the engine calls besides its own binaries. */
export function engineRoot(): Promise<string> {
  return debianRoot("engine", [
    "ca-certificates",
    "containernetworking-plugins",
    "dnsmasq-base",
    "e2fsprogs",
    "git",
    "iproute2",
    "iptables",
    "mount",
    "nftables",
    "openssl",
    "pigz",
    "runc",
    "tini",
    "xz-utils",
  ]);
}

export type EngineParts = {
  binaries: string;
  root: string;
  /** The TypeScript SDK's content and the digest of its manifest. */
  sdk: { content: string; digest: string };
  /** Where the registry mirror answers, as host:port, and the registries that it stands for. */
  mirror: { address: string; registries: string[] };
};

export const engineFiles = filesOf("engine");

/** The engine's socket. */
export const engineSocket = () => join(cache.run, "dagger", "engine.sock");

/**
 * Starts the engine if it doesn't run yet; restarts it when it was started from other parts, or from another resolver or other
 * authorities of the host, once no call runs on it any more.
 */
export async function startEngine(parts: EngineParts): Promise<void> {
  const stamp = stampOf(parts);
  const running = runningEngine();
  if (running && (await answers(engineSocket())) && !hasLostState(running)) {
    const change = changeSince(readStamp(), stamp);
    if (!change) return;
    if (change === "host" && callsThatRun().length > 0) return say(OLD_RESOLVER);
  }
  if (running) await untilNobodyCalls("the engine is to be started anew, with other parts");
  if (running || orphans().length > 0) await stopEngine();
  refuseOtherEngines();
  refuseEnginesResolver();
  await step("start the engine", async (detail) => {
    if (existsSync(engineFiles.pid)) detail("the one before was killed, and its cache is emptied first");
    await restoreNetwork(parts.root); // of an engine that was killed
    noteForwarding();
    // Ahead of the engine: a start that fails or is interrupted leaves the network to the next stop.
    writeFileSync(partsFile(), JSON.stringify(parts));
    const pid = await insideOf(spawnEngine(parts));
    writeFileSync(engineFiles.pid, `${pid}`);
    await untilItAnswers({
      what: "The engine",
      pid,
      log: engineFiles.log,
      answers: () => answers(engineSocket()),
      timeoutMs: START_TIMEOUT_MS,
      stop: stopEngine,
    });
    writeFileSync(engineFiles.stamp, JSON.stringify(stamp));
  });
}

/**
 * Whether the state was removed under an engine: it answers, and finds nothing any more. The folder has no name then, or only what the
 * engine wrote while it was being removed.
 */
function hasLostState(pid: number): boolean {
  try {
    const [its, ours] = [statSync(`/proc/${pid}/root/var/lib/dagger`), statSync(cache.engineState)];
    return its.dev !== ours.dev || its.ino !== ours.ino || !existsSync(join(cache.engineState, "worker", "snapshots"));
  } catch {
    return false; // It has ended meanwhile.
  }
}

/** What an engine was started from, as hashes. */
type Stamp = { parts: string; host: string };

const stampOf = (parts: EngineParts): Stamp => ({
  parts: hashOf({ files: [startScript], values: [parts, engineVersion] }),
  host: hashOf({ files: hostFiles() }),
});

/** What an engine has from the host. Links are followed: what is behind them may change while they stay. */
export function hostFiles(authorities = "/usr/local/share/ca-certificates"): string[] {
  const names = existsSync(authorities) ? readdirSync(authorities, { recursive: true, encoding: "utf8" }).sort() : [];
  const paths = ["/etc/resolv.conf", ...names.map((name) => join(authorities, name))];
  return paths.filter((path) => existsSync(path)).map((path) => realpathSync(path));
}

function readStamp(): Partial<Stamp> {
  try {
    return JSON.parse(readFileSync(engineFiles.stamp, "utf8")) as Stamp;
  } catch {
    return {}; // Of an engine that was killed while it started.
  }
}

/** Whether an engine's parts are others than today's, or only what it has from the host; nothing when all is the same. */
export function changeSince(then: Partial<Stamp>, now: Stamp): "parts" | "host" | undefined {
  if (then.parts !== now.parts) return "parts";
  return then.host === now.host ? undefined : "host";
}

const OLD_RESOLVER =
  "This host's resolver or authorities have changed since the engine was started. It goes on with the old ones " +
  "while other calls run on it; the first call after them starts it anew.";

/** What the engine was made of that was started last: its root's commands take back what it did to the network. */
const partsFile = () => join(cache.run, "engine.parts");

const rootOfLast = (): string | undefined =>
  existsSync(partsFile()) ? (JSON.parse(readFileSync(partsFile(), "utf8")) as EngineParts).root : undefined;

/** The engine's pid, if it runs. */
export function runningEngine(): number | undefined {
  const pid = readPid(engineFiles.pid);
  return pid && alive(pid, "dagger-engine") && isOurs(stateOf(pid)) ? pid : undefined;
}

/** The engine's state that a process was started with, if it was. */
function stateOf(pid: number): string | undefined {
  try {
    return /(?:^|\0)ENGINE_STATE=([^\0]+)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))?.[1];
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/** Whether it is this cache folder's, which may be named by way of a link. */
function isOurs(state = ""): boolean {
  // Made first where it is gone, as when somebody removed it under the engine: it is there by each of its names then.
  const ours = realpathSync(cache.engineState);
  return existsSync(state) && realpathSync(state) === ours;
}

/** Engines on this host's network that have an engine's state: tini and the engine itself count as one. */
function engines(): { pid: number; state: string }[] {
  const own = readlinkSync("/proc/self/ns/net");
  const found: { pid: number; state: string }[] = [];
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [command = ""] = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      if (command !== "tini" || readlinkSync(`/proc/${name}/ns/net`) !== own) continue;
      const state = stateOf(Number(name));
      if (state && alive(Number(name), "dagger-engine")) found.push({ pid: Number(name), state });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** Engines of this cache folder that no pid file names: who started them was killed in that moment. */
const orphans = () => engines().filter(({ pid, state }) => isOurs(state) && pid !== runningEngine());

/** One of another cache folder. */
const otherEngine = () => engines().find(({ state }) => !isOurs(state));

/** Two engines on one network would take each other's bridge away. */
function refuseOtherEngines() {
  const other = otherEngine();
  if (!other) return;
  const folder = dirname(other.state);
  throw new Error(
    `A Dagger engine of another cache folder runs on this host (${folder}, pid ${other.pid}), and both want the bridge ` +
      `${bridgeAddress}. Stop that one: DAGGERW_CACHE=${folder} ./daggerw engine stop`,
  );
}

/** Ends the engine and takes back what it did to the host's network. */
export async function stopEngine(): Promise<void> {
  const pids = [runningEngine(), ...orphans().map(({ pid }) => pid)].filter((pid) => pid !== undefined);
  for (const pid of pids) {
    const calls = callsThatRun();
    if (calls.length > 0) say(`What runs on the engine ends with it: ${describeCalls(calls)}.`);
    await step("stop the engine", () => endProcess(pid, STOP_TIMEOUT_MS));
  }
  // Also of one that was killed, or did not come up; but another's that runs meanwhile has the same bridge: a later stop does it.
  if (!otherEngine()) {
    const root = rootOfLast();
    if (root) await restoreNetwork(root);
    await rm(partsFile(), { force: true });
  }
  await rm(engineFiles.pid, { force: true });
  await rm(engineFiles.stamp, { force: true });
  await rm(engineSocket(), { force: true });
}

const startScript = join(embeddedDir, "engine", "start");

function spawnEngine({ binaries, root, sdk, mirror }: EngineParts): number {
  mkdirSync(join(cache.run, "dagger"), { recursive: true });
  writeFileSync(join(cache.run, "engine.json"), JSON.stringify(engineConfig(mirror), null, 2));
  const log = openSync(engineFiles.log, "w");
  // In a process namespace of its own all that the engine has started ends with it, however it ends.
  const namespaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
  const child = spawn("unshare", [...namespaces, "sh", startScript], {
    detached: true, // a session of its own: Ctrl-C at a call must not end the engine
    stdio: ["ignore", log, log],
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ENGINE_ROOT: root,
      ENGINE_BINARIES: binaries,
      ENGINE_CONTENT: sdk.content,
      ENGINE_CONFIG: join(cache.run, "engine.json"),
      ENGINE_SOCKET_DIR: join(cache.run, "dagger"),
      ENGINE_STATE: cache.engineState,
      ENGINE_MOUNT: join(cache.run, "engine-root"),
      DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST: sdk.digest,
      // A fifth of the engine's time is garbage collection, and most of a short call is the engine's time.
      GOGC: "300",
      GOMEMLIMIT: "3GiB",
    },
  });
  closeSync(log);
  child.unref();
  if (!child.pid) throw new Error("The engine's process could not be started (is `unshare` in PATH?).");
  return child.pid;
}

/** The first process inside of the namespaces that `unshare` has made, as this host numbers it. */
async function insideOf(unshare: number): Promise<number> {
  for (const deadline = Date.now() + NAMESPACES_TIMEOUT_MS; Date.now() < deadline && alive(unshare); await sleep(20)) {
    const [child] = readFileSync(`/proc/${unshare}/task/${unshare}/children`, "utf8").split(" ");
    if (child) return Number(child);
  }
  throw new Error(`The engine did not start: ${readFileSync(engineFiles.log, "utf8").trim() || "unshare ended"}`);
}

/** Registries are reached through the mirror, under their public names. */
function engineConfig({ address, registries }: EngineParts["mirror"]) {
  const mirrored = registries.map((registry) => [registry, { mirrors: [address] }]);
  // By default the engine wants a fifth of the disk free: on a fuller one it would remove what calls are about to use.
  // At its start it reads every entry: half a minute at 24 GB of many runs' entries. A run of all tests leaves 7 GB.
  const gc = { reservedSpace: "5GB", maxUsedSpace: "20GB", minFreeSpace: "2GB" };
  return { logLevel: "warn", gc, registries: { ...Object.fromEntries(mirrored), [address]: { http: true } } };
}

/** Whether a server accepts connections on a socket. */
function answers(socket: string): Promise<boolean> {
  return new Promise((done) => {
    const connection = createConnection(socket);
    const end = (answer: boolean) => {
      connection.destroy();
      done(answer);
    };
    connection.once("connect", () => end(true));
    connection.once("error", () => end(false));
  });
}

/**
 * A resolv.conf that is the engine's own, left by an engine that was started without a mount namespace, would be copied
 * onto itself for ever and fill the disk.
 */
function refuseEnginesResolver() {
  if (!readFileSync("/etc/resolv.conf", "utf8").includes(bridgeAddress)) return;
  throw new Error(
    `/etc/resolv.conf names ${bridgeAddress}, a Dagger engine's own resolver: an engine runs on this host outside of a ` +
      "container, or one left its file behind. Stop it, put the host's resolv.conf back, and call again.",
  );
}
