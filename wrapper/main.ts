// daggerw's work after the shell script and the packages: chooses, provides, runs.
import { asksForHelp, callOf, wantsInteractiveShell, withModule, withPlainProgress } from "./args.js";
import { cacheFolder } from "./cache.js";
import { describe } from "./choose.js";
import { decide } from "./decide.js";
import { engine, HELP, refuseWithoutVerb } from "./engine.js";
import { builtCli, type Context, provide } from "./provide.js";
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
    const interactive = wantsInteractiveShell(args, process.stdin.isTTY);
    const context: Context = { root, cache: cacheFolder(env), env, loadEmbedded, call: callOf(args), interactive, say };
    if (args[0] === "engine") return await engine(args.slice(1), context);

    refuseWithoutVerb(args[0]);

    const { facts, choice } = await decide(context);
    if (choice.cli === "embedded" && asksForHelp(args)) return await help(args, context);
    if (!env.DAGGERW_QUIET) say(describe(choice, facts));
    const cli = await provide(choice, context);

    let cliArgs = withModule(args, root, process.cwd(), env);
    if (cli.embedded) cliArgs = withPlainProgress(cliArgs, process.stdout.isTTY || process.stderr.isTTY, env);
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

/** Help needs no engine, and on a new machine none is built for it. */
async function help(args: string[], context: Context): Promise<number> {
  const cli = await builtCli(context);
  if (cli) return await run(cli.path, args, cli.env);
  process.stdout.write(
    `${HELP}\nDagger's own help comes with its CLI, which is not built yet: ./daggerw engine start\n`,
  );
  return 0;
}
