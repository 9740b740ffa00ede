import type { Directory } from "@dagger.io/dagger";
import { proofSubject, type ReleaseCommit } from "./evidence.js";
import { execQuietly } from "./exec.js";
import { endingIn1, type GitRemote, gitClone, gitContainer, runGit } from "./git.js";
import { explainGitError, GitError } from "./gitErrors.js";

/** A file of a branch as it is now, and the commits that changed it. */
export interface FileHistory {
  /** The commit that it was looked at: the branch's newest one, where no other was asked for. */
  readonly head: string;
  /** The newest first. */
  readonly commits: readonly ReleaseCommit[];
  /** Those that change nothing, and say that a tag of it passed; the newest first. */
  readonly proofs: readonly ReleaseCommit[];
}

/** How far back is looked. */
const LIMIT = 50;

/** Which commits of a branch count. */
export interface HistoryOptions {
  /** Only what was pushed to this branch itself: a merge is one commit, and those that it brought are passed over. */
  readonly firstParent?: boolean;
  /** The commit of the branch to look from; default: its newest one. */
  readonly at?: string;
}

/** The whole history without files: what is asked of it can be anywhere. */
const WITHOUT_FILES = gitClone('--single-branch --no-checkout --branch "$BRANCH"');
const CLONE = endingIn1(WITHOUT_FILES);
const CHECKOUT = endingIn1(`${WITHOUT_FILES} && git -C /work checkout --quiet --detach "$COMMIT"`);
const HISTORY = `cd /work
at=$(git rev-parse --verify --quiet "$AT^{commit}") && git merge-base --is-ancestor "$at" HEAD || { echo absent; exit 0; }
echo "$at"
tell() {
  while read -r commit; do
    message=$(git log -1 --format=%B "$commit" | base64 -w 0)
    if git cat-file -e "$commit:$FILE" 2>/dev/null; then text=$(git show "$commit:$FILE" | base64 -w 0); else text=-; fi
    echo "$1 $commit $message $text"
  done
}
git log $LOG_OPTIONS -n ${LIMIT} --format=%H "$at" -- "$FILE" | tell change
git log $LOG_OPTIONS -n ${LIMIT} --format=%H --fixed-strings --grep="$PROOF" "$at" | tell proof`;

/**
 * Reads how a file of a branch came to be as it is: the latest commits that changed it.
 *
 * @throws GitError: no such repository, branch, commit or file, who reads is refused, no answer
 */
export async function historyOf(
  remote: GitRemote,
  path: string,
  { firstParent = false, at = "HEAD" }: HistoryOptions = {},
): Promise<FileHistory> {
  const cloned = await runGit(remote, gitContainer(remote), CLONE);
  // Quietly: the files' texts are of no use in the progress.
  const asking = cloned.container
    .withEnvVariable("FILE", path)
    .withEnvVariable("PROOF", proofSubject(path))
    .withEnvVariable("AT", at)
    .withEnvVariable("LOG_OPTIONS", firstParent ? "--first-parent" : "");
  const outcome = await execQuietly(asking, [...["sh", "-c", 'bash -euo pipefail -c "$1" || exit 1', "sh", HISTORY]]);
  if (outcome.code !== 0) throw explainGitError(outcome.stderr, remote);
  const [head = "", ...lines] = outcome.stdout.trim().split("\n");
  if (head === "absent")
    throw new GitError(
      "other",
      `The branch ${remote.branch} of ${remote.url} has no commit ${at}. Nothing was changed.`,
    );
  const told = (kind: string) => lines.filter((line) => line.startsWith(`${kind} `)).map(parseLine);
  const [commits, proofs] = [told("change"), told("proof")];
  if (commits[0]?.text === undefined)
    throw new GitError("file", `The branch ${remote.branch} of ${remote.url} has no file ${path}.`);
  return { head, commits, proofs };
}

function parseLine(line: string): ReleaseCommit {
  const [, sha = "", message = "", text = "-"] = line.split(" ");
  const plain = (encoded: string) => Buffer.from(encoded, "base64").toString("utf8");
  return { sha, message: plain(message), text: text === "-" ? undefined : plain(text) };
}

/**
 * The files of a commit of the branch.
 *
 * @throws GitError: no such repository, branch or commit, who reads is refused, no answer
 */
export async function treeAt(remote: GitRemote, commit: string): Promise<Directory> {
  const container = gitContainer(remote).withEnvVariable("COMMIT", commit);
  return (await runGit(remote, container, CHECKOUT)).container.directory("/work").withoutDirectory(".git");
}

/** Whether a commit of the branch holds another one. */
export async function holdsCommit(remote: GitRemote, commit: string, other: string): Promise<boolean> {
  const container = gitContainer(remote).withEnvVariable("COMMIT", commit).withEnvVariable("OTHER", other);
  const cloned = await runGit(remote, container, CLONE);
  const asked = 'git -C /work merge-base --is-ancestor "$OTHER" "$COMMIT" 2>/dev/null && echo yes || echo no';
  return (await runGit(remote, cloned.container, asked)).stdout.trim() === "yes";
}
