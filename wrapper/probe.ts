// Looks up what the choice depends on. Everything is asked at once and has a time limit: a daemon that hangs, or a socket that
// nobody answers, must not keep the user waiting.
import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join, resolve } from "node:path";
import type { Containers, Facts, RunnerHost } from "./types.js";
import { UserError } from "./types.js";

const PROBE_MS = 3_000;

/** The container runtimes in the order in which the CLI tries them, and the command by which it asks whether they are there. */
const RUNTIMES: { command: string; args: string[] }[] = [
  { command: "docker", args: ["version"] },
  { command: "container", args: ["system", "status"] },
  { command: "podman", args: ["version"] },
  { command: "finch", args: ["version"] },
  { command: "nerdctl", args: ["version"] },
];

export interface Host {
  env: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  uid: number | undefined;
  /** This repository. */
  root: string;
}

export const thisHost = (root: string): Host => ({
  env: process.env,
  platform: process.platform,
  uid: process.getuid?.(),
  root,
});

export async function probe(
  host: Host,
  officialCached: boolean,
  { all = false, patienceMs = PROBE_MS } = {},
): Promise<Facts> {
  const { env } = host;
  const forced = env.DAGGERW || undefined;
  const url = env._EXPERIMENTAL_DAGGER_RUNNER_HOST || undefined;
  // What can't matter isn't asked for: each question costs time.
  const [runnerHost, dagger, containers] = await Promise.all([
    url ? probeRunnerHost(url) : undefined,
    all || forced !== "embedded" ? probeDagger(host) : undefined,
    all || (forced !== "embedded" && !url) ? probeContainers(host, patienceMs) : noContainers,
  ]);
  return {
    engineVersion: engineVersion(host.root),
    forced,
    runnerHost,
    dagger,
    containers,
    officialCached,
    embeddedObstacle: embeddedObstacle(host),
  };
}

const silentFor = (ms: number) => `no answer within ${ms / 1000} s`;

/** The runtimes that may only be slow. */
export const slowOnes = ({ silent }: Containers): string[] =>
  silent.filter(({ problem }) => problem === silentFor(PROBE_MS)).map(({ command }) => command);

const noContainers: Containers = { answering: undefined, silent: [] };

/** dagger.json's engineVersion, without the v. */
export function engineVersion(root: string): string {
  const file = join(root, "dagger.json");
  const { engineVersion } = JSON.parse(readFileSync(file, "utf8")) as { engineVersion?: string };
  if (!/^v\d+\.\d+\.\d+$/.test(engineVersion ?? "")) {
    throw new UserError(`${file}: engineVersion must be a released version such as v0.21.8, and is ${engineVersion}.`);
  }
  return (engineVersion as string).slice(1);
}

function embeddedObstacle({ platform, uid }: Host): string | undefined {
  if (platform !== "linux") return "the embedded engine runs on Linux only";
  if (uid !== 0) return "the embedded engine needs root";
  return undefined;
}

async function probeDagger({ env, root }: Host): Promise<Facts["dagger"]> {
  const wrapper = join(root, "daggerw");
  // A link named dagger to this wrapper would call itself for ever.
  const path = findOnPath("dagger", env, (candidate) => realpathSync(candidate) !== realpath(wrapper));
  if (!path) return undefined;
  const { stdout } = await run(path, ["version"], { ...env, DAGGER_NO_UPDATE_CHECK: "1" });
  return { path, version: /^dagger v(\d+\.\d+\.\d+\S*)/m.exec(stdout)?.[1] };
}

const realpath = (path: string) => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};

async function probeContainers({ env }: Host, patienceMs: number): Promise<Containers> {
  const installed = RUNTIMES.filter(({ command }) => findOnPath(command, env));
  const answers = await Promise.all(installed.map(({ command, args }) => run(command, args, env, patienceMs)));
  const silent: Containers["silent"] = [];
  for (const [index, { command }] of installed.entries()) {
    const problem = answers[index]?.problem;
    if (problem === undefined) return { answering: command, silent };
    silent.push({ command, problem });
  }
  return { answering: undefined, silent };
}

/** Runs a command for its output. `problem` is the last thing that it said if it failed. */
function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  timeout = PROBE_MS,
): Promise<{ stdout: string; problem?: string }> {
  return new Promise((done) => {
    const options = { env, timeout, killSignal: "SIGKILL", encoding: "utf8" } as const;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return done({ stdout });
      const lastWords = stderr.trim().split("\n").at(-1);
      const problem = error.killed ? silentFor(timeout) : lastWords || error.message;
      done({ stdout, problem });
    });
    child.stdin?.end();
  });
}

/** The first executable file of a name on PATH. */
export function findOnPath(
  name: string,
  env: NodeJS.ProcessEnv,
  accept: (path: string) => boolean = () => true,
): string | undefined {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    const path = join(resolve(folder || "."), name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile() && accept(path)) return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** HTTP/2's opening (an empty SETTINGS frame behind the fixed preface), which every engine answers with a SETTINGS frame. */
const HTTP2_HELLO = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const SETTINGS = 4;

/** Whether an engine answers at unix:// or tcp://. The CLI itself would try for minutes without a word. */
export async function probeRunnerHost(url: string): Promise<RunnerHost> {
  const target = socketOf(url);
  if (!target) return { url, answers: undefined };
  if ("problem" in target) return { url, answers: false, problem: target.problem };
  return await new Promise((done) => {
    const socket = connect(target);
    const finish = (problem?: string) => {
      clearTimeout(timer);
      socket.destroy();
      done(problem === undefined ? { url, answers: true } : { url, answers: false, problem });
    };
    const timer = setTimeout(() => finish(silentFor(PROBE_MS)), PROBE_MS);
    let answer = Buffer.alloc(0);
    const stranger = "what answers there is no Dagger engine";
    socket.once("connect", () => socket.write(HTTP2_HELLO));
    socket.on("data", (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= 9) finish(answer[3] === SETTINGS ? undefined : stranger);
    });
    socket.once("end", () => finish(stranger));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      finish(
        {
          ENOENT: "there is no such socket",
          ECONNREFUSED: "connection refused",
          EACCES: "this user may not use the socket (permission denied)",
          ENOTFOUND: "the host's name is unknown",
        }[error.code ?? ""] ?? error.message,
      ),
    );
  });
}

function socketOf(url: string): { path: string } | { host: string; port: number } | { problem: string } | undefined {
  if (url.startsWith("unix://")) return { path: url.slice("unix://".length) };
  if (!url.startsWith("tcp://")) return undefined;
  const { hostname, port } = URL.canParse(url) ? new URL(url) : { hostname: "", port: "" };
  if (!hostname || !port) return { problem: "it should be tcp://host:port" };
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
}
