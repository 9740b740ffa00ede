import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Container, type File, ReturnType } from "@dagger.io/dagger";

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
  // One question first: the engine may run a command twice for two that come before it has begun (dagql/cache.go, getOrInitCall:
  // "may lead to occasional redundant execution"), and a plan then met the lock of its twin.
  const code = await run.exitCode();
  const [stdout, stderr] = await Promise.all([run.stdout(), run.stderr()]);
  return { code, stdout, stderr, container: run };
}

const STDOUT = "/tmp/stdout";

/** As `exec`, for output that may hold secrets: the progress shows what commands print, so this goes to a file. */
export async function execQuietly(container: Container, args: string[]): Promise<Outcome> {
  const outcome = await exec(container, ["sh", "-c", `exec "$@" >${STDOUT}`, "sh", ...args]);
  return { ...outcome, stdout: await quietContents(outcome.container.file(STDOUT)) };
}

/**
 * A file's text, where it may hold secrets: what `contents` gives the engine tells whoever collects traces (core/telemetry.go), and of
 * an export only the path.
 */
export async function quietContents(file: File): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "quiet-"));
  try {
    const path = join(folder, "file");
    await file.export(path);
    return await readFile(path, "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
