// What all measurements share: runs, medians and the table. BENCH_RUNS says how many runs each figure is from.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cacheRoot } from "../embedded/src/cache.js";
import { call, daggerw, type Outcome } from "../test/engine/daggerw.js";

export const RUNS = Number(process.env.BENCH_RUNS ?? 3);

export interface Row {
  what: string;
  seconds: number[];
  aim?: string;
}

export const rows: Row[] = [];

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [lower = Number.NaN, upper = lower] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (lower + upper) / 2;
}
export const shown = (value: number) => `${value.toFixed(1)} s`;

/** Times some work `RUNS` times and adds a row. */
export async function measure(
  what: string,
  work: () => Promise<number>,
  options: { aim?: string; runs?: number } = {},
) {
  const seconds: number[] = [];
  for (let run = 1; run <= (options.runs ?? RUNS); run++) {
    seconds.push(await work());
    console.error(`${what}, run ${run}: ${shown(seconds.at(-1) ?? 0)}`);
  }
  rows.push({ what, seconds, aim: options.aim });
  return median(seconds);
}

/** Makes a call that must pass. */
export async function passed(args: string[]): Promise<Outcome> {
  const outcome = await call(...args);
  if (outcome.exitCode !== 0) throw new Error(`${args.join(" ")} failed:\n${outcome.stderr}`);
  return outcome;
}

/** Seconds that a call takes; it must pass. */
export const passes = async (args: string[]) => (await passed(args)).seconds;

/** Empties the engine's cache: what follows has the images at hand and nothing else. */
export async function prune() {
  const { exitCode, stderr } = await daggerw(["-s", "core", "engine", "local-cache", "prune"]);
  if (exitCode !== 0) throw new Error(stderr);
}

/** The pipeline's own binaries where they were built on this machine, else those on the PATH. */
export function command(name: string): string {
  const built = join(cacheRoot(), "built");
  const folders = existsSync(built) ? readdirSync(built).filter((entry) => entry.startsWith("go-")) : [];
  return folders.map((folder) => join(built, folder, name)).find(existsSync) ?? name;
}

/** The rows as a Markdown table. */
export function table(): string {
  const line = ({ what, seconds, aim }: Row) =>
    `| ${what} | ${shown(median(seconds))} | ${shown(Math.min(...seconds))} – ${shown(Math.max(...seconds))} | ${aim ?? ""} |`;
  return ["| what | median | range | aim |", "| --- | --- | --- | --- |", ...rows.map(line)].join("\n");
}
