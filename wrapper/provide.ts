// Turns a choice into a CLI that can be run: downloads or builds what is missing.
import { official, readPins } from "./official.js";
import { interruptible } from "./run.js";
import { type Call, type Choice, type EmbeddedProvider, UserError } from "./types.js";

export interface Context {
  root: string;
  cache: string;
  env: NodeJS.ProcessEnv;
  loadEmbedded: () => Promise<EmbeddedProvider>;
  /** The call of one of the module's functions that is going to be made, if any. */
  call?: Call;
  /** Whether Dagger's interactive shell is wanted, which needs a display. */
  interactive?: boolean;
  say: (line: string) => void;
}

export interface Cli {
  path: string;
  /** Whether the engine still runs, where that can be told. */
  engineIsAlive?: () => boolean;
  embedded: boolean;
  env: NodeJS.ProcessEnv;
}

export async function provide(choice: Choice, context: Context): Promise<Cli> {
  const { env } = context;
  if (choice.cli === "path") return { path: choice.path as string, embedded: false, env };
  if (choice.cli === "embedded") return await embeddedCli(context);
  try {
    return { path: await officialCli(choice, context), embedded: false, env: { DAGGER_NO_UPDATE_CHECK: "1", ...env } };
  } catch (error) {
    if (!choice.embeddedCliWillDo || !(error instanceof UserError) || error.exitCode !== 1) throw error;
    context.say(`${error.message.split("\n")[0]} The embedded CLI does it.`);
    refuseShell(context);
    const { cli, env: more } = await (await context.loadEmbedded()).buildCli();
    return { path: cli, embedded: true, env: { ...quiet, ...env, ...more } };
  }
}

const officialCli = ({ version }: Choice, { root, cache, env, say }: Context) =>
  interruptible((signal) => official({ version, cache, env, say, pins: readPins(root, version), signal }));

function refuseShell({ interactive }: Context): void {
  if (!interactive) return;
  throw new UserError(
    "The embedded CLI has no interactive shell. Give it commands with -c, or by a pipe, or use the official CLI.",
  );
}

async function embeddedCli(context: Context): Promise<Cli> {
  refuseShell(context);
  const { env, loadEmbedded, call } = context;
  const provider = await loadEmbedded();
  const { cli, runnerHost, env: more, isAlive } = await provider.ensure(call);
  return {
    path: cli,
    embedded: true,
    engineIsAlive: isAlive,
    env: { ...quiet, ...env, ...more, _EXPERIMENTAL_DAGGER_RUNNER_HOST: runnerHost },
  };
}

/** The embedded CLI if it is built, for what needs no engine. */
export async function builtCli({ env, loadEmbedded }: Context): Promise<Pick<Cli, "path" | "env"> | undefined> {
  const built = await (await loadEmbedded()).builtCli();
  return built && { path: built.cli, env: { ...quiet, ...env, ...built.env } };
}

/** The embedded CLI asks nobody about itself. */
const quiet = { DO_NOT_TRACK: "1", DAGGER_NO_UPDATE_CHECK: "1" };
