// Faulty copies of this repository. Not in daggerw.ts: the bench uses that without a test runner.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Directory, dag } from "@dagger.io/dagger";
import { temporaryFolder } from "../unit/temporary.js";
import { repository } from "./daggerw.js";

/** By a file's path, what becomes of its text: another one, or none (the file is removed); a new file's text is "". */
export type Changes = Record<string, (text: string) => string | undefined>;

/** What git says of the repository, whoever owns it and whatever its caller has set, as in a hook of another one. */
export function gitSays(...args: string[]): string {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  const options = { cwd: repository, encoding: "utf8", env: Object.fromEntries(others) } as const;
  return execFileSync("git", ["-c", "safe.directory=*", ...args], options);
}

/** The repository's files that are of use in a copy. */
const sourceFiles = () =>
  gitSays("ls-files", "-co", "--exclude-standard")
    .split("\n")
    .filter((name) =>
      /^(appManifests|clusters|terraform|\.github|test\/app|pipeline\/node|embedded\/engine|daggerw|\.ci)/.test(name),
    );

/** What each changed file holds then. */
const changed = (changes: Changes) =>
  Object.entries(changes).map(([file, change]) => {
    const path = join(repository, file);
    const before = existsSync(path) ? readFileSync(path, "utf8") : "";
    const after = change(before);
    if (after === before) throw new Error(`the test's change of ${file} changes nothing`);
    return { file, after };
  });

/** A copy of the repository's files for --source, removed after the test file. */
export function copyWith(changes: Changes): string {
  const copy = temporaryFolder();
  for (const file of sourceFiles()) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(repository, file), join(copy, file));
  }
  for (const { file, after } of changed(changes)) {
    if (after === undefined) {
      rmSync(join(copy, file));
      continue;
    }
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), after);
  }
  return copy;
}

/** The one copy that a session's sources are made from: to look for these files in the repository takes the engine seconds. */
let unchanged: string | undefined;

/** The same in a session, where the engine makes the changes. */
export function sourceWith(changes: Changes): Directory {
  unchanged ??= copyWith({});
  let source = dag.host().directory(unchanged);
  for (const { file, after } of changed(changes))
    source = after === undefined ? source.withoutFile(file) : source.withNewFile(file, after);
  return source;
}
