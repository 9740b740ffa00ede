// `./daggerw engine …`: looks after what daggerw itself provides. Dagger has no verb of that name.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { promisify } from "node:util";
import { madeIn } from "./cache.js";
import { choose, describe } from "./choose.js";
import { decide } from "./decide.js";
import { isCached, officialPath } from "./official.js";
import { engineVersion, probe, thisHost } from "./probe.js";
import { type Context, provide } from "./provide.js";
import { type EmbeddedProvider, type Facts, type Group, UserError } from "./types.js";

export const HELP = `daggerw runs the Dagger CLI for this repository: every argument is Dagger's own, except the verb \`engine\`.
\`./daggerw functions\` lists what the pipeline can do, \`./daggerw call <function> --help\` says how to call it.

Usage: ./daggerw engine <command>

  status          what daggerw would use and why, what is built, what runs, and the space it takes
  start           makes ready what daggerw would use, without running anything in it
  build           downloads or builds what every call needs, and starts nothing: for a machine's image, or ahead of time
  terraform       builds what Terraform needs on the embedded engine: its providers, checkov and moto. Once; 30 minutes on
                  2 cores, 8 GB of memory, 10 GB of disk. Calls that need them, as plan and check-infra, do it by themselves
  simulator       builds the simulated AWS alone (moto), in a minute or two
  gitops          builds what a cluster with Flux needs on the embedded engine: Flux, Flagger, Prometheus and what belongs to
                  them. Once; 8 minutes on 2 cores. Calls that need them do it by themselves
  addons          builds what a cluster may have besides: kube-router, External Secrets and Traefik. Once; up to half an hour
                  on 2 cores
  stop            stops the embedded engine and its image registry
  remove [--yes]  stops them and removes all that daggerw made in its cache folder (--yes: without asking)

Which CLI and engine it uses, in this order:
  1. the engine that _EXPERIMENTAL_DAGGER_RUNNER_HOST names
  2. Docker, Apple's container, podman, finch or nerdctl: the first whose daemon answers
     For both: the \`dagger\` on PATH if its version fits dagger.json, else the official CLI, downloaded once and verified
  3. the embedded engine, made on this machine from source (Linux, root, Go)

Environment:
  DAGGERW=official|embedded  forces one of them
  DAGGERW_QUIET=1            doesn't say which was chosen
  DAGGERW_DEBUG=1            shows where in the code an error came from
  DAGGERW_CACHE              the cache folder (else daggerw in XDG_CACHE_HOME or ~/.cache): made for its user alone, and
                             refused where others can write to it
  DAGGERW_DOWNLOAD_URL       a mirror of https://dl.dagger.io/dagger/releases, for a network that can't reach it
  HTTPS_PROXY                respected, if curl is installed
`;

export async function engine(args: string[], context: Context): Promise<number> {
  const [command, ...options] = args;
  if (command === undefined || args.some((arg) => ["-h", "--help", "help"].includes(arg))) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!isCommand(command)) {
    throw new UserError(`There is no \`engine ${command}\`; there are: ${Object.keys(commands).join(", ")}.`, 2);
  }
  const yes = command === "remove" && options.some((option) => ["-y", "--yes"].includes(option));
  const unknown = options.find((option) => !(command === "remove" && ["-y", "--yes"].includes(option)));
  if (unknown) throw new UserError(`\`engine ${command}\` knows no ${unknown}.`, 2);
  return await commands[command](context, yes);
}

/** Refuses `./daggerw status` and the like, for which an engine would be built before Dagger says that it has no such verb. */
export function refuseWithoutVerb(word = ""): void {
  if (!isCommand(word) || existsSync(word)) return; // Dagger runs a file.
  throw new UserError(`Dagger has no \`${word}\`. Do you mean \`./daggerw engine ${word}\`?`, 2);
}

async function status(context: Context): Promise<number> {
  const { root, cache } = context;
  const facts = await probe(thisHost(root), isCached(cache, engineVersion(root)), { all: true });
  print("chosen", chosen(facts));
  print("dagger.json", `v${facts.engineVersion}`);
  const { dagger, containers, runnerHost } = facts;
  print(
    "dagger",
    dagger ? `${dagger.path} ${dagger.version ? `v${dagger.version}` : "(tells no version)"}` : "none on PATH",
  );
  print("containers", containers.answering ? `${containers.answering} answers` : "none answers");
  for (const { command, problem } of containers.silent) print("", `${command}: ${problem}`);
  if (runnerHost) {
    const state = { true: "answers", false: runnerHost.problem, undefined: "not checked" }[`${runnerHost.answers}`];
    print("runner host", `${runnerHost.url} (${state})`);
  }
  print("official CLI", facts.officialCached ? officialPath(cache, facts.engineVersion) : "not downloaded");
  if (facts.embeddedObstacle) {
    print("embedded", `not possible: ${facts.embeddedObstacle}`);
  } else {
    const lines = existsSync(join(root, "embedded", "src", "index.ts"))
      ? await (await context.loadEmbedded()).status()
      : ["missing in this checkout"];
    for (const [index, line] of lines.entries()) print(index === 0 ? "embedded" : "", line);
  }
  await printSizes(cache);
  return 0;
}

/** What takes the space; to count a large folder takes a minute, so each is told as soon as it is known. */
async function printSizes(cache: string): Promise<void> {
  if (!existsSync(cache)) return print("cache", `${cache} (empty)`);
  print("cache", cache);
  let all = 0;
  for (const name of madeIn(cache)) {
    const size = await sizeOf(join(cache, name));
    all += size;
    if (size >= WORTH_A_LINE) print("", `${name.padEnd(14)}${bytes(size)}`);
  }
  print("", `${"in all".padEnd(14)}${bytes(all)}`);
}

const WORTH_A_LINE = 1e6;

function chosen(facts: Facts): string {
  try {
    return describe(choose(facts), facts);
  } catch (error) {
    if (error instanceof UserError) return `nothing: ${error.message.replaceAll("\n", "\n  ")}`;
    throw error;
  }
}

async function start(context: Context): Promise<number> {
  const { facts, choice } = await decide(context);
  context.say(describe(choice, facts));
  await provide(choice, context);
  return 0;
}

const builds = {
  build: (context: Context) => build(context),
  terraform: (context: Context) => build(context, "simulator", "terraform"),
  simulator: (context: Context) => build(context, "simulator"),
  gitops: (context: Context) => build(context, "gitops"),
  addons: (context: Context) => build(context, "addons"),
};

const commands = { status, start, ...builds, stop, remove } as const;

const isCommand = (word: string): word is keyof typeof commands => Object.hasOwn(commands, word);

async function build(context: Context, ...groups: Group[]): Promise<number> {
  const { facts, choice } = await decide(context);
  context.say(describe(choice, facts));
  if (choice.cli === "embedded") await (await context.loadEmbedded()).build(...groups);
  else if (groups.length === 0) await provide(choice, context);
  else context.say("There is nothing to build: this engine takes images and providers from their public registries.");
  return 0;
}

async function stop(context: Context): Promise<number> {
  await (await loadIfThere(context))?.stop();
  return 0;
}

async function remove(context: Context, yes: boolean): Promise<number> {
  const { cache, say } = context;
  if (!existsSync(cache)) {
    console.log(`There is nothing to remove: ${cache} does not exist.`);
    return 0;
  }
  if (!yes) {
    if (!process.stdin.isTTY) throw new UserError(`This removes ${cache}: say --yes to do so.`, 2);
    say(`counting what is in ${cache} …`);
    const size = await sizeOf(cache);
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await terminal.question(`Stop the embedded engine and remove ${cache} (${bytes(size)})? [y/N] `);
    terminal.close();
    if (!/^y(es)?$/i.test(answer.trim())) {
      console.log("Nothing was removed.");
      return 1;
    }
  }
  const embedded = await loadIfThere(context);
  if (embedded) await embedded.stopAndRemove(() => removeMade(context));
  else await removeMade(context);
  return 0;
}

/** One of the locks is held meanwhile. Without the note, a removal that was interrupted would not know what is daggerw's. */
const REMOVED_LAST = ["locks", ".daggerw"];

async function removeMade({ cache, say }: Context): Promise<void> {
  // Removing through a mount would remove what is mounted: the host's own files.
  const mounts = mountsBelow(cache);
  if (mounts.length > 0) {
    throw new UserError(`Not removed, since something is still mounted there:\n  ${mounts.join("\n  ")}`);
  }
  const made = madeIn(cache).sort((a, b) => REMOVED_LAST.indexOf(a) - REMOVED_LAST.indexOf(b));
  let all = 0;
  for (const name of made) {
    const size = await sizeOf(join(cache, name));
    all += size;
    if (size >= WORTH_A_LINE) say(`removing ${name}, ${bytes(size)} …`);
    await rm(join(cache, name), { recursive: true, force: true, maxRetries: 3 });
  }
  const others = readdirSync(cache);
  console.log(`Removed what daggerw made in ${cache}: ${bytes(all)} are free again.`);
  if (others.length > 0) console.log(`Left there, since it is not daggerw's: ${others.join(", ")}`);
  else await rmdir(cache).catch(() => undefined); // a volume's own folder stays
}

/** The embedded provider, if anything of it is on this machine. */
async function loadIfThere({ root, cache, loadEmbedded }: Context): Promise<EmbeddedProvider | undefined> {
  const isThere = existsSync(join(cache, "run")) || existsSync(join(cache, "built"));
  if (process.platform !== "linux" || !isThere || !existsSync(join(root, "embedded", "src", "index.ts")))
    return undefined;
  return await loadEmbedded();
}

const print = (name: string, value: string) => console.log(`${name.padEnd(14)}${value}`);

async function sizeOf(folder: string): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)("du", ["-sk", folder], { encoding: "utf8" });
    return Number.parseInt(stdout, 10) * 1024;
  } catch (error) {
    // du fails for one file that vanished meanwhile, and still prints the sum.
    return Number.parseInt((error as { stdout?: string }).stdout || "0", 10) * 1024;
  }
}

export const bytes = (size: number) =>
  size < 1e6
    ? `${Math.ceil(size / 1e3)} kB`
    : size < 1e9
      ? `${Math.round(size / 1e6)} MB`
      : `${(size / 1e9).toFixed(1)} GB`;

/** Mount points below a folder (Linux). */
export function mountsBelow(folder: string, table = "/proc/self/mountinfo"): string[] {
  if (!existsSync(table)) return [];
  const real = realpathSync(folder);
  const decode = (text: string) =>
    text.replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
  return readFileSync(table, "utf8")
    .split("\n")
    .map((line) => decode(line.split(" ")[4] ?? ""))
    .filter((mount) => mount.startsWith(`${real}/`));
}
