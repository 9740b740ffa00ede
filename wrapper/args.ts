// What daggerw adds to the user's arguments, and nothing else.
import { existsSync, realpathSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import type { Call } from "./types.js";

/** The CLI's global flags that take a value as the next argument. */
const VALUE_FLAGS = new Set([
  "--workdir",
  "-c",
  "--command",
  "-m",
  "--mod",
  "--model",
  "--allow-llm",
  "--progress",
  "--lock",
  "--interactive-command",
  "--x-release",
  "--dot-output",
  "--dot-focus-field",
]);

/** The flags that take none: Dagger's global ones, and those of `call`. */
const WITHOUT_VALUE =
  /^(-[vqsdiwEyjM]+|--(verbose|quiet|silent|debug|interactive|web|no-exit|auto-apply|json|no-mod|eager-runtime))$/;

/** The verbs that load a module and have -m/--mod. */
const MODULE_VERBS = new Set(["call", "functions", "listen", "query", "mcp", "shell", "check", "checks", "config"]);

/** Where the verb is in the arguments (-1: there is none), and the value of --workdir. */
export function findVerb(args: string[]): { index: number; workdir: string | undefined } {
  let workdir: string | undefined;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (arg === "--workdir") workdir = args[index + 1];
    else if (arg.startsWith("--workdir=")) workdir = arg.slice("--workdir=".length);
    if (VALUE_FLAGS.has(arg)) index++;
    else if (!arg.startsWith("-")) return { index, workdir };
  }
  return { index: -1, workdir };
}

/** Whether the arguments ask only for what Dagger's own verbs are: `--help`, or `help` with one of them. */
export function asksForHelp(args: string[]): boolean {
  const { index } = findVerb(args);
  if (args[index] === "help") return true;
  return args.slice(0, index < 0 ? undefined : index).some((arg) => /^(-h|--help)$/.test(arg));
}

/** The user's own flags: those before a bare `--`. */
const flags = (args: string[]) => args.slice(0, args.indexOf("--") < 0 ? undefined : args.indexOf("--"));

const namesModule = (args: string[]) =>
  flags(args).some((arg) => /^(--mod|--no-mod)(=|$)/.test(arg) || /^-[vqsdiwEyjMh]*[mM]/.test(arg));

const choosesProgress = (args: string[]) =>
  flags(args).some((arg) => /^(--progress|--silent)(=|$)/.test(arg) || /^-[vqdiwEyj]*s/.test(arg));

/**
 * Names this repository's module when the user stands elsewhere. Inside the repository the CLI looks upwards from the
 * user's folder as ever, so that a module nested in it is found, too.
 */
export function withModule(args: string[], root: string, cwd: string, env: NodeJS.ProcessEnv): string[] {
  const { index, workdir } = findVerb(args);
  const verb = args[index];
  if (verb === undefined || !MODULE_VERBS.has(verb) || namesModule(args) || env.DAGGER_MODULE) return args;
  if (isInside(resolve(cwd, workdir ?? "."), root)) return args;
  return [...args.slice(0, index + 1), "--mod", root, ...args.slice(index + 1)];
}

/** Whether the module that the CLI would find from a folder is in this repository. */
function isInside(folder: string, root: string): boolean {
  let at: string;
  try {
    at = realpathSync(folder);
  } catch {
    return true; // There is no such folder: the CLI's error will say so.
  }
  for (;;) {
    if (existsSync(join(at, "dagger.json"))) return at === root || at.startsWith(root + sep);
    if (dirname(at) === at) return false;
    at = dirname(at);
  }
}

/**
 * The call of one of the module's functions that the arguments are, unless they ask for help only. Flags that aren't the CLI's own and have no
 * `=` are taken to have a value after them, as all of the module's own before a function do.
 */
export function callOf(args: string[]): Call | undefined {
  const { index } = findVerb(args);
  const rest = flags(args.slice(index + 1));
  if (args[index] !== "call" || rest.some((arg) => /^(-h|--help)$/.test(arg))) return undefined;
  for (let at = 0; at < rest.length; at++) {
    const arg = rest[at] as string;
    if (!arg.startsWith("-"))
      return { name: arg, withAws: rest.slice(0, at).some((flag) => flag.startsWith("--aws-")) };
    if (!arg.includes("=") && !WITHOUT_VALUE.test(arg)) at++;
  }
  return undefined;
}

/**
 * The embedded CLI has no interactive display: on a terminal it would stay silent until the end. So it gets plain progress,
 * unless the user chose something.
 */
export function withPlainProgress(args: string[], onTerminal: boolean, env: NodeJS.ProcessEnv): string[] {
  if (!onTerminal || env.DAGGER_PROGRESS || choosesProgress(args)) return args;
  return ["--progress=plain", ...args];
}

/**
 * Whether the arguments ask for the interactive shell, for which the embedded CLI has no display: it would hang. Dagger
 * starts it when there is no verb, too.
 */
export function wantsInteractiveShell(args: string[], stdinIsTerminal: boolean): boolean {
  const { index } = findVerb(args);
  if (!stdinIsTerminal || (index >= 0 && args[index] !== "shell")) return false;
  const rest = args.slice(index + 1);
  return !rest.some((arg) => /^(-c|--command|-h|--help)/.test(arg)) && findVerb(rest).index < 0;
}
