// The job summary of a run on GitHub Actions: what a failed call said. What a good one prints is the workflow's to put there.
import { appendFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

/** More than any report has. */
const KEPT_CHARACTERS = 100_000;

/** Keeps the end of what a command says, and adds it to the job summary when the command fails. */
export class JobSummary {
  private said = "";
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  keep(text: string): void {
    this.said = (this.said + text).slice(-KEPT_CHARACTERS);
  }

  end(exitCode: number): void {
    if (exitCode !== 0) appendFileSync(this.file, failureSummary(this.said));
  }
}

/** The error at the end of what the CLI said, as Markdown: the report's table first, then the causes. */
export function failureSummary(said: string): string {
  const lines = stripVTControlCharacters(said)
    .replace(/ *\[traceparent:[^\]]*\]/g, "")
    .split("\n");
  const start = lines.map((line) => /^Error: /.test(line)).lastIndexOf(true);
  const error = lines.slice(Math.max(start, 0)).join("\n").trim();
  const [causes = "", ...report] = error.split(/\n(?=## )/);
  const fence = ["```text", causes.trim(), "```", ""].join("\n");
  return [...report.map((part) => part.trim()), fence].join("\n\n");
}
