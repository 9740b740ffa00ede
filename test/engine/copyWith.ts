// Faulty copies of this repository. Not in daggerw.ts: the bench uses that without a test runner.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "../unit/temporary.js";
import { repository } from "./daggerw.js";

/** By a file's path, what becomes of its text: another one, or none (the file is removed); a new file's text is "". */
export type Changes = Record<string, (text: string) => string | undefined>;

/** A copy of the repository's files for --source, removed after the test file. */
export function copyWith(changes: Changes): string {
  const copy = temporaryFolder();
  const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: repository, encoding: "utf8" })
    .split("\n")
    .filter((name) =>
      /^(appManifests|clusters|terraform|\.github|test\/app|pipeline\/node|embedded\/engine|daggerw|\.ci)/.test(name),
    );
  for (const file of files) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(repository, file), join(copy, file));
  }
  for (const [file, change] of Object.entries(changes)) {
    const before = files.includes(file) ? readFileSync(join(copy, file), "utf8") : "";
    const after = change(before);
    if (after === before) throw new Error(`the test's change of ${file} changes nothing`);
    if (after === undefined) {
      rmSync(join(copy, file));
      continue;
    }
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), after);
  }
  return copy;
}
