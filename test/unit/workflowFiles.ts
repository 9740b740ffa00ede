// The workflows as data, and the calls of the module in them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { repository } from "../engine/daggerw.js";

const folder = join(repository, ".github/workflows");

export interface Step {
  if?: string;
  "continue-on-error"?: boolean;
  uses?: string;
  run?: string;
  env?: Record<string, string>;
  with?: Record<string, unknown>;
}
export interface Concurrency {
  group: string;
  "cancel-in-progress": boolean | string;
}
export interface Job {
  name?: string;
  environment?: string;
  permissions?: Record<string, string>;
  concurrency?: Concurrency;
  "timeout-minutes"?: number;
  steps: Step[];
}
export interface Workflow {
  file: string;
  text: string;
  on: Record<string, unknown>;
  permissions?: Record<string, string>;
  concurrency?: Concurrency;
  jobs: Record<string, Job>;
}

export const workflows = (): Workflow[] =>
  readdirSync(folder).map((file) => {
    const text = readFileSync(join(folder, file), "utf8");
    return { file, text, ...(parse(text) as Omit<Workflow, "file" | "text">) };
  });

/** When a state is rescued: GitHub cancels a job at its time limit, which is no failure. */
const AFTER_FAILURE = "failure() || cancelled()";

/** Every job with its shell lines, and those that only a failure is followed by; `place` as `file.yml job`. */
export const workflowJobs = () =>
  workflows().flatMap((workflow) =>
    Object.entries(workflow.jobs).map(([name, job]) => ({
      place: `${workflow.file} ${name}`,
      workflow,
      job,
      runs: job.steps.flatMap(({ run, if: when }) => (run === undefined || when === AFTER_FAILURE ? [] : [run])),
      afterFailure: job.steps.flatMap(({ run, if: when }) =>
        run !== undefined && when === AFTER_FAILURE ? [run] : [],
      ),
    })),
  );

/** `endToEnd` as the CLI calls it: `end-to-end`. */
export const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A call of the module: the function, and the flags before and after its name. */
export interface Call {
  place: string;
  name: string;
  before: string[];
  after: string[];
}

/** The calls in a shell line, as far as their first function: what comes after it belongs to what it returns. */
export function callsIn(run: string, place: string): Call[] {
  const words = run.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  return words.flatMap((word, index) => {
    if (word !== "call" || !/daggerw$/.test(words[index - 1] ?? "")) return [];
    const before = flagsFrom(words, index + 1);
    const name = words[before.next] ?? "";
    return [{ place, name, before: before.flags, after: flagsFrom(words, before.next + 1).flags }];
  });
}

function flagsFrom(words: readonly string[], start: number): { flags: string[]; next: number } {
  const flags: string[] = [];
  let next = start;
  for (; words[next]?.startsWith("-"); next += 2) flags.push((words[next] ?? "").replace(/^--/, ""));
  return { flags, next };
}
