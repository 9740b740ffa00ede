// Runs the CLI in the foreground, as if the user had typed it.
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { UserError } from "./types.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
type Signal = (typeof SIGNALS)[number];

export const exitCodeOf = (signal: NodeJS.Signals) => 128 + constants.signals[signal];

/** How often it is looked whether the engine still runs. */
const WATCH_MS = 500;

/** What is watched while a command runs. */
interface Watching {
  engineIsAlive?: () => boolean;
  /** Gets what the command writes to stderr, besides the terminal. */
  onStderr?: (text: string) => void;
}

/**
 * Runs a command with this process's own terminal and process group, and returns its exit code. Ctrl-C reaches it from the
 * terminal; a signal to this process alone is handed on (Dagger ignores the second of two SIGINT). This process never ends
 * before it. Having been told to end, a command that then fails gives 128 + the signal's number, as a shell would: Dagger
 * itself says 2 then, which its callers would take for a failure of the pipeline.
 */
export async function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  { engineIsAlive = () => true, onStderr }: Watching = {},
): Promise<number> {
  let child: ChildProcess | undefined;
  let received: Signal | undefined;
  let watch: NodeJS.Timeout | undefined;
  const handOn = (signal: Signal) => {
    received = signal;
    child?.kill(signal);
  };
  // Before the start: a signal that came between the start and this would end this process and leave the command alone.
  for (const signal of SIGNALS) process.on(signal, handOn);
  try {
    child = spawn(command, args, { env, stdio: ["inherit", "inherit", onStderr ? "pipe" : "inherit"] });
    const started = child;
    started.stderr?.on("data", (chunk: Buffer) => {
      process.stderr.write(chunk);
      onStderr?.(chunk.toString("utf8"));
    });
    watch = setInterval(() => {
      if (engineIsAlive()) return;
      clearInterval(watch);
      console.error("daggerw: the engine has ended in the middle of the call. Call again: it is started anew.");
      started.kill("SIGKILL"); // the CLI waits for ever for an engine that is gone
    }, WATCH_MS);
    return await new Promise<number>((done, fail) => {
      started.once("error", (error) => fail(new UserError(`Can't run ${command}: ${error.message}.`, 126)));
      started.once(onStderr ? "close" : "exit", (code, signal) => {
        if (signal) done(exitCodeOf(signal));
        else done(received && code !== 0 ? exitCodeOf(received) : (code ?? 1));
      });
    });
  } finally {
    clearInterval(watch);
    for (const signal of SIGNALS) process.off(signal, handOn);
  }
}

/** Does work that is given up at SIGINT or SIGTERM: the work cleans up, then the promise is rejected with `Interrupted`. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = (signal: NodeJS.Signals) => controller.abort(new Interrupted(signal));
  process.on("SIGINT", abort);
  process.on("SIGTERM", abort);
  try {
    const result = await work(controller.signal);
    // Work that could not be given up is done; what would come after it is not begun.
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    process.off("SIGINT", abort);
    process.off("SIGTERM", abort);
  }
}

export class Interrupted extends UserError {
  constructor(signal: NodeJS.Signals) {
    super("interrupted", exitCodeOf(signal));
  }
}
