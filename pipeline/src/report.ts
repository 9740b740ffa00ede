/** How a step of a run ended; a skipped one never started. */
export type StepResult = "passed" | "failed" | "skipped";

/** One line of a run's report. */
export interface Step {
  readonly name: string;
  readonly result: StepResult;
  readonly seconds: number;
  /** What the step found or why it failed, in a sentence; may be empty. */
  readonly detail: string;
}

/** What a run did. */
export interface Report {
  readonly title: string;
  readonly steps: readonly Step[];
  /** Wall-clock time of the whole run: less than the sum of the steps where some ran together. */
  readonly seconds: number;
  /** More Markdown, which comes below the table: charts, lists. */
  readonly more?: readonly string[];
}

/** A table is to be read at a glance: the whole text of a failure belongs below it. */
const LONGEST_DETAIL = 240;

/** Whether nothing failed. */
export function hasPassed(report: Report): boolean {
  return report.steps.every((step) => step.result !== "failed");
}

/**
 * The report as GitHub-flavoured Markdown: title, table, totals, and what there is more. Fit for a job summary, and aligned for a terminal. The
 * same report gives the same text.
 */
export function toMarkdown(report: Report): string {
  const rows = report.steps.map((step) => [
    cell(step.name),
    step.result,
    step.result === "skipped" ? "" : formatSeconds(step.seconds),
    cell(shorten(step.detail)),
  ]);
  return [
    `## ${oneLine(report.title)}`,
    "",
    ...markdownTable(["Step", "Result", "Time", "Detail"], rows),
    "",
    totals(report),
    "",
    ...(report.more ?? []).flatMap((text) => [text.trimEnd(), ""]),
  ].join("\n");
}

/** `0.4 s`, `12.3 s`, `2 min 5 s`: rounded to what a reader can use. */
export function formatSeconds(seconds: number): string {
  const tenths = Math.round(seconds * 10) / 10;
  if (tenths < 60) return `${tenths.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function totals(report: Report): string {
  const count = (result: StepResult) => report.steps.filter((step) => step.result === result).length;
  const parts = [`${count("passed")} passed`];
  if (count("failed")) parts.push(`${count("failed")} failed`);
  if (count("skipped")) parts.push(`${count("skipped")} skipped`);
  return `**${hasPassed(report) ? "Passed" : "Failed"}** in ${formatSeconds(report.seconds)}: ${parts.join(", ")}.`;
}

/** The lines of a Markdown table, aligned for a terminal; its cells are made by `cell` where their text is anybody's. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  // The last column is as wide as it likes: padding it would wrap every line of a terminal.
  const pad = (text: string, column: number) => (column === head.length - 1 ? text : text.padEnd(widths[column] ?? 0));
  const line = (cells: readonly string[]) => `| ${cells.map(pad).join(" | ")} |`;
  const rule = head.map((title, column) =>
    "-".repeat(column === head.length - 1 ? title.length : (widths[column] ?? 3)),
  );
  return [line(head), line(rule), ...rows.map(line)];
}

/** Text that stays in one cell: the characters that mean something in a Markdown table or in HTML are made plain. */
export function cell(text: string): string {
  return text
    .trim()
    .replace(/\\/g, "\\\\")
    .replace(/\|/g, "\\|")
    .replace(/</g, "&lt;")
    .replace(/\s*(?:\r\n|\n|\r)\s*/g, "<br>");
}

function shorten(text: string): string {
  const characters = [...text.trim()];
  return characters.length > LONGEST_DETAIL ? `${characters.slice(0, LONGEST_DETAIL).join("").trimEnd()} …` : text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
