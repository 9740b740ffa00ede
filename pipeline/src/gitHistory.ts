import type { Directory } from "@dagger.io/dagger";
import { proofSubject, type ReleaseCommit, TAG_TRAILER } from "./evidence.js";
import { execQuietly } from "./exec.js";
import { endingIn1, type GitRemote, gitClone, gitContainer, runGit } from "./git.js";
import { explainGitError, GitError } from "./gitErrors.js";

/** A file of a branch as it is now, and the commits that changed it. */
export interface FileHistory {
  /** The commit that it was looked at: the branch's newest one, where no other was asked for. */
  readonly head: string;
  /** What the file holds there. */
  readonly text: string;
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
  /** Also what a merge has left out: else git follows only the side that the file was taken from. */
  readonly fullHistory?: boolean;
  /** The commit of the branch to look from; default: its newest one. */
  readonly at?: string;
}

/** The whole history without files: what is asked of it can be anywhere. */
const WITHOUT_FILES = gitClone('--single-branch --no-checkout --branch "$BRANCH"');
const CLONE = endingIn1(WITHOUT_FILES);
const CHECKOUT = endingIn1(`${WITHOUT_FILES} && git -C /work checkout --quiet --detach "$COMMIT"`);
const HISTORY = `cd /work
at=$(git rev-parse --verify --quiet "$AT^{commit}") && git merge-base --is-ancestor "$at" HEAD || { echo absent; exit 0; }
text_of() { if git cat-file -e "$1:$FILE" 2>/dev/null; then git show "$1:$FILE" | base64 -w 0; else printf -- -; fi; }
# A pull request may be merged by a commit that says nothing of the tags: what its own commits say counts then.
message_of() {
  message=$(git log -1 --format=%B "$1")
  case $'\n'$message in *$'\n${TAG_TRAILER}'*) ;; *)
    if git rev-parse --verify --quiet "$1^2" >/dev/null; then
      message+=$'\n'$(git log --reverse --format=%B "$1^1..$1^2" -- "$FILE")
    fi
  esac
  base64 -w 0 <<<"$message"
}
tell() { while read -r commit; do echo "$1 $commit $(message_of "$commit") $(text_of "$commit") $(text_of "$commit^1")"; done; }
echo "$at $(text_of "$at")"
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
  { firstParent = false, fullHistory = false, at = "HEAD" }: HistoryOptions = {},
): Promise<FileHistory> {
  const cloned = await runGit(remote, gitContainer(remote), CLONE);
  // Quietly: the files' texts are of no use in the progress.
  const asking = cloned.container
    .withEnvVariable("FILE", path)
    .withEnvVariable("PROOF", proofSubject(path))
    .withEnvVariable("AT", at)
    .withEnvVariable(
      "LOG_OPTIONS",
      [firstParent && "--first-parent", fullHistory && "--full-history"].filter(Boolean).join(" "),
    );
  const outcome = await execQuietly(asking, [...["sh", "-c", 'bash -euo pipefail -c "$1" || exit 1', "sh", HISTORY]]);
  if (outcome.code !== 0) throw explainGitError(outcome.stderr, remote);
  const [present = "", ...lines] = outcome.stdout.trim().split("\n");
  if (present === "absent")
    throw new GitError(
      "other",
      `The branch ${remote.branch} of ${remote.url} has no commit ${at}. Nothing was changed.`,
    );
  const told = (kind: string) => lines.filter((line) => line.startsWith(`${kind} `)).map(parseLine);
  const [head = "", text = "-"] = present.split(" ");
  if (text === "-") throw new GitError("file", `The branch ${remote.branch} of ${remote.url} has no file ${path}.`);
  return { head, text: plain(text), commits: told("change"), proofs: told("proof") };
}

const plain = (encoded: string) => Buffer.from(encoded, "base64").toString("utf8");

function parseLine(line: string): ReleaseCommit {
  const [, sha = "", message = "", text = "-", before = "-"] = line.split(" ");
  return { sha, message: plain(message), text: textOf(text), before: textOf(before) };
}

const textOf = (told: string) => (told === "-" ? undefined : plain(told));

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
