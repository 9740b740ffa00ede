import { formatSeconds, type Report, type Step, type StepResult, toMarkdown } from "./report.js";

/** Time, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** The time of this machine. */
export const realClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** Where progress goes, one line a call. */
export type Log = (line: string) => void;

/** The work of a step; `note` sets what the report's table says about it. */
export type Work<T> = (note: (detail: string) => void) => T | Promise<T>;

/** A step of a group that runs together. */
export interface NamedWork<T> {
  readonly name: string;
  readonly run: Work<T>;
}

/** How a run is set up. */
export interface RunOptions {
  readonly title: string;
  /** The names of the steps in their order; an inner list is a group that runs together. */
  readonly plan: readonly (string | readonly string[])[];
  readonly log: Log;
  readonly clock?: Clock;
}

/** A run that failed: `message` holds every cause in full and then the report's table. */
export class StepFailure extends Error {
  override name = "StepFailure";
  readonly report: Report;
  constructor(report: Report, causes: readonly Cause[]) {
    super(failureText(report, causes), { cause: causes[0]?.error });
    this.report = report;
  }
}

interface Cause {
  readonly step: string;
  readonly error: unknown;
}

/** Several steps of one group failed. */
class GroupFailure extends Error {}

/**
 * Runs `body`, whose steps go through `run.step` and `run.parallel`. Says at the start and at the end of each what it
 * does, how long it took and what comes next. What was planned and never started is skipped in the report.
 *
 * @returns what `body` returned, and the report
 * @throws StepFailure when a step, or `body` between its steps, failed
 */
export async function runSteps<T>(
  options: RunOptions,
  body: (run: Run) => Promise<T>,
): Promise<{ value: T; report: Report }> {
  const run = new Run(options);
  try {
    const value = await body(run);
    if (run.causes.length === 0) return { value, report: run.report() };
  } catch (error) {
    if (!(error instanceof GroupFailure) && !run.causes.some((cause) => cause.error === error)) run.failOutside(error);
  }
  throw new StepFailure(run.report(), run.causes);
}

/** The steps of one run as they happen; made by `runSteps`. */
export class Run {
  readonly causes: Cause[] = [];
  private readonly done = new Map<string, Step>();
  private readonly running = new Set<string>();
  private readonly more: string[] = [];
  private readonly plan: string[];
  private readonly title: string;
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly started: number;

  constructor(options: RunOptions) {
    this.title = options.title;
    this.log = options.log;
    this.clock = options.clock ?? realClock;
    this.plan = options.plan.flat();
    this.started = this.clock.now();
  }

  /**
   * Runs one step and returns what it returned. A step that the plan doesn't name is added at its end.
   *
   * @throws what `work` threw, after noting it for the report
   */
  async step<T>(name: string, work: Work<T>): Promise<T> {
    this.begin(name);
    this.log(`${this.position(name)} ${name} …`);
    const result = await this.timed(name, work);
    if ("error" in result) throw result.error;
    return result.value;
  }

  /**
   * Runs a group of steps together, and all of them to their end, so that one failure hides no other.
   *
   * @returns what each returned, in their order
   * @throws Error when one or more failed; each is in the report
   */
  async parallel<T extends readonly unknown[]>(group: readonly [...{ [K in keyof T]: NamedWork<T[K]> }]): Promise<T> {
    const steps: readonly NamedWork<unknown>[] = group;
    for (const { name } of steps) this.begin(name);
    this.log(`${this.position(steps[0]?.name ?? "")} together: ${steps.map(({ name }) => name).join(", ")} …`);
    const results = await Promise.all(steps.map(({ name, run }) => this.timed(name, run)));
    const failed = steps.filter((_, index) => "error" in (results[index] ?? {}));
    if (failed.length > 0) throw new GroupFailure(`failed: ${failed.map(({ name }) => name).join(", ")}`);
    return results.map((result) => ("value" in result ? result.value : undefined)) as unknown as T;
  }

  /** What was done up to now; steps that didn't start are skipped. */
  report(): Report {
    const steps = this.plan.map(
      (name): Step => this.done.get(name) ?? { name, result: "skipped", seconds: 0, detail: "" },
    );
    const more = this.more.length > 0 ? { more: [...this.more] } : {};
    return { title: this.title, steps, seconds: this.since(this.started), ...more };
  }

  /** Adds Markdown that comes below the report's table, in the order of the calls; empty text adds nothing. */
  attach(markdown: string): void {
    if (markdown.trim() !== "") this.more.push(markdown);
  }

  /** Notes an error that no step threw, so that the report says that the run failed. */
  failOutside(error: unknown): void {
    const name = "between the steps";
    this.begin(name);
    this.finish(name, "failed", 0, firstLine(error));
    this.causes.push({ step: name, error });
  }

  private begin(name: string): void {
    if (this.done.has(name) || this.running.has(name)) throw new Error(`the run has two steps called ${name}`);
    if (!this.plan.includes(name)) this.plan.push(name);
    this.running.add(name);
  }

  private async timed<T>(name: string, work: Work<T>): Promise<{ value: T } | { error: unknown }> {
    const started = this.clock.now();
    let detail = "";
    const note = (text: string) => {
      detail = text;
    };
    try {
      const value = await work(note);
      this.finish(name, "passed", this.since(started), detail);
      return { value };
    } catch (error) {
      this.causes.push({ step: name, error });
      this.finish(name, "failed", this.since(started), firstLine(error));
      return { error };
    }
  }

  private finish(name: string, result: StepResult, seconds: number, detail: string): void {
    this.running.delete(name);
    this.done.set(name, { name, result, seconds, detail });
    this.log(`${this.position(name)} ${name}: ${result} in ${formatSeconds(seconds)}${this.outlook(result, detail)}`);
  }

  private outlook(result: StepResult, detail: string): string {
    const said = detail ? ` (${detail.split("\n", 1)[0]})` : "";
    if (result === "failed") return said;
    if (this.running.size > 0) return `${said}; still running: ${[...this.running].join(", ")}`;
    const next = this.causes.length > 0 ? undefined : this.plan.find((name) => !this.done.has(name));
    return next ? `${said}; next: ${next}` : said;
  }

  private position(name: string): string {
    return `[${this.plan.indexOf(name) + 1}/${this.plan.length}]`;
  }

  private since(moment: number): number {
    return (this.clock.now() - moment) / 1000;
  }
}

/**
 * The whole text of an error for a reader. Dagger's ExecError says only that a command failed: what the command itself
 * said is in its `stdout` and `stderr` (the class can't be imported in a module, so it is known by its name).
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stdout, stderr } = error as { stdout?: unknown; stderr?: unknown };
  if (error.name !== "ExecError") return error.message || error.name;
  const said = [stderr, stdout].filter((text): text is string => typeof text === "string" && text.trim() !== "");
  const what = error.message.replace(/ *\[traceparent:[^\]]*\]/g, ""); // of use to a tracer alone
  return [what, ...said.map(lastLines)].join("\n");
}

/**
 * Does something whose failure a reader needs more to than its cause: how things stand now, and what to do next.
 *
 * @param advice gives that for the failure; says nothing when it can't be found out
 */
export async function withAdvice<T>(work: () => Promise<T>, advice: (error: unknown) => string | Promise<string>) {
  try {
    return await work();
  } catch (error) {
    const more = await Promise.resolve(advice(error)).catch(() => "");
    if (!more) throw error;
    throw new Error(`${describeError(error)}\n\n${more}`, { cause: error });
  }
}

/** Enough of a command's output to see why it failed. */
function lastLines(text: string): string {
  const lines = text.trimEnd().split("\n");
  return lines.length > 40 ? ["…", ...lines.slice(-40)].join("\n") : lines.join("\n");
}

/** For one line of a table: what a failed command said is worth more than that it failed. */
function firstLine(error: unknown): string {
  const lines = describeError(error)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const isCommand = error instanceof Error && error.name === "ExecError";
  return (isCommand ? lines[1] : undefined) ?? lines[0] ?? "unknown error";
}

function failureText(report: Report, causes: readonly Cause[]): string {
  const names = causes.map((cause) => cause.step).join(", ");
  const details = causes.map((cause) => `${cause.step}:\n${indent(describeError(cause.error))}`);
  return [`${report.title}: failed at ${names}`, ...details, toMarkdown(report)].join("\n\n");
}

function indent(text: string): string {
  return text.trimEnd().replace(/^(?=.)/gm, "  ");
}
