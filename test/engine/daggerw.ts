// Runs ./daggerw as a user types it.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
  seconds: number;
}

export interface Running {
  /** Sends a signal to daggerw and all that it started, as a terminal does. */
  signal(name: NodeJS.Signals): void;
  /** Resolves when stdout or stderr holds the text. */
  says(text: string): Promise<void>;
  /** The end of what it has said on stderr, so far. */
  said(): string;
  outcome: Promise<Outcome>;
}

/** Starts daggerw, in a process group of its own, so that it can be sent signals. */
export const start = (args: string[], env?: NodeJS.ProcessEnv): Running => run(args, env, true);

function run(args: string[], env: NodeJS.ProcessEnv = {}, detached = false): Running {
  const started = Date.now();
  const child = spawn(join(repository, "daggerw"), args, {
    cwd: repository,
    // Under Actions what fails here as it should would be in the summary of the job that tests it.
    env: { ...process.env, GITHUB_STEP_SUMMARY: "", NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached,
  });
  const output = { stdout: "", stderr: "" };
  const waiting: { text: string; done: () => void }[] = [];
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (data) => {
      output[name] += data;
      for (const { text, done } of waiting) if (output[name].includes(text)) done();
    });
  }
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      resolve({ ...output, exitCode: code ?? (signal ? 128 : 1), seconds: (Date.now() - started) / 1000 }),
    );
  });
  const ended = outcome.then(({ exitCode, stderr }) => {
    throw new Error(`daggerw ${args.join(" ")} has ended with ${exitCode}:\n${stderr.slice(-2000)}`);
  });
  ended.catch(() => undefined); // only who waits for words that no longer can come wants to know
  return {
    signal: (name) => void process.kill(-(child.pid ?? 0), name),
    said: () => output.stderr.slice(-8000),
    says: (text) => Promise.race([new Promise<void>((done) => void waiting.push({ text, done })), ended]),
    outcome,
  };
}

/** Runs daggerw to its end, or to that of the tests: Ctrl-C in a terminal ends both. */
export const daggerw = (args: string[], env?: NodeJS.ProcessEnv) => run(args, env).outcome;

/** Calls one of the module's functions and shows no progress. */
export const call = (...args: string[]) => daggerw(["-s", "call", ...args]);

/** Calls one that must pass. Throws with the end of what it said if it doesn't: a flaw that shows once in fifty runs has to be read at once. */
export async function passing(...args: string[]): Promise<Outcome> {
  const outcome = await call(...args);
  if (outcome.exitCode !== 0 || outcome.stderr.includes("Error"))
    throw new Error(
      `daggerw call ${args.join(" ")} has ended with ${outcome.exitCode}:\n${outcome.stderr.slice(-8000)}`,
    );
  return outcome;
}
