import { type Container, ReturnType } from "@dagger.io/dagger";

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command whose failure is for the caller to explain: its exit code is returned and not thrown. */
export async function exec(container: Container, args: string[]): Promise<Outcome> {
  const run = container.withExec(args, { expect: ReturnType.Any });
  const [code, stdout, stderr] = await Promise.all([run.exitCode(), run.stdout(), run.stderr()]);
  return { code, stdout, stderr };
}
