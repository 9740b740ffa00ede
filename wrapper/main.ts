// daggerw's work after the shell script and the packages: chooses, provides, runs.
import { callOf, wantsInteractiveShell, withModule, withPlainProgress } from "./args.js";
import { cacheFolder } from "./cache.js";
import { describe } from "./choose.js";
import { decide } from "./decide.js";
import { engine } from "./engine.js";
import { type Context, provide } from "./provide.js";
import { run } from "./run.js";
import { JobSummary } from "./summary.js";
import { UserError } from "./types.js";

export interface Start {
  root: string;
  loadEmbedded: Context["loadEmbedded"];
}

/** Returns the exit code. */
export async function main(args: string[], { root, loadEmbedded }: Start): Promise<number> {
  const say = (line: string) => console.error(`daggerw: ${line}`);
  try {
    const { env } = process;
    const context: Context = { root, cache: cacheFolder(env), env, loadEmbedded, call: callOf(args), say };
    if (args[0] === "engine") return await engine(args.slice(1), context);

    const { facts, choice } = await decide(context);
    if (!env.DAGGERW_QUIET) say(describe(choice, facts));
    const cli = await provide(choice, context);

    let cliArgs = withModule(args, root, process.cwd(), env);
    if (cli.embedded) {
      if (wantsInteractiveShell(args, process.stdin.isTTY)) {
        throw new UserError(
          "The embedded CLI has no interactive shell. Give it commands with -c, or by a pipe, or use the official CLI.",
        );
      }
      cliArgs = withPlainProgress(cliArgs, process.stdout.isTTY || process.stderr.isTTY, env);
    }
    const summary = env.GITHUB_STEP_SUMMARY ? new JobSummary(env.GITHUB_STEP_SUMMARY) : undefined;
    const { engineIsAlive } = cli;
    const code = await run(cli.path, cliArgs, cli.env, { engineIsAlive, onStderr: summary?.keep.bind(summary) });
    summary?.end(code);
    return code;
  } catch (error) {
    if (error instanceof UserError) {
      say(error.message);
      return error.exitCode;
    }
    // The embedded parts' own errors are meant for the user, too; their stack is for DAGGERW_DEBUG.
    say(
      error instanceof Error && !process.env.DAGGERW_DEBUG ? error.message : String((error as Error)?.stack ?? error),
    );
    return 1;
  }
}
