import { type Container, ReturnType } from "@dagger.io/dagger";

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The container after the command, with the files that it wrote. */
  readonly container: Container;
}

/**
 * Keeps what the container runs next out of the cache: what it looks at or changes is no part of the cache's key. It comes last
 * before that: whatever is added to the container after it is an entry of its own in the cache each time, and the engine reads
 * each when it starts (31,000 of them took it half a minute).
 */
export const uncached = (container: Container): Container => container.withEnvVariable("NOW", new Date().toISOString());

/** Runs a command whose failure is for the caller to explain: its exit code is returned and not thrown. */
export async function exec(container: Container, args: string[]): Promise<Outcome> {
  const run = container.withExec(args, { expect: ReturnType.Any });
  const [code, stdout, stderr] = await Promise.all([run.exitCode(), run.stdout(), run.stderr()]);
  return { code, stdout, stderr, container: run };
}

const STDOUT = "/tmp/stdout";

/** As `exec`, for output that may hold secrets: the progress shows what commands print, so this goes to a file. */
export async function execQuietly(container: Container, args: string[]): Promise<Outcome> {
  const outcome = await exec(container, ["sh", "-c", `exec "$@" >${STDOUT}`, "sh", ...args]);
  return { ...outcome, stdout: await outcome.container.file(STDOUT).contents() };
}
