import {
  CLONE_LIMIT_S,
  type Commit,
  type CommitOptions,
  endingIn1,
  type GitRemote,
  gitContainer,
  retried,
  runGit,
  withAuthor,
} from "./git.js";
import { GitError } from "./gitErrors.js";

/** A branch beside another one of the same repository. */
export interface BranchAhead {
  /** The newest commit of the branch that follows; none before its first. */
  readonly head: string | undefined;
  /** What it would get: the commits that it lacks, the newest first, without merges. */
  readonly commits: readonly { readonly sha: string; readonly subject: string }[];
}

/** All branches with their history, without files. */
const CLONE = endingIn1(`timeout ${CLONE_LIMIT_S} git clone --quiet --no-tags --no-checkout "$URL" /work`);
const TARGET_HEAD = `cd /work
  target=$(git rev-parse --verify --quiet "refs/remotes/origin/$TARGET" || true)`;
const AHEAD = endingIn1(`${TARGET_HEAD}
  echo "$target"
  [ -z "$target" ] || git log --no-merges --format='%H %s' "$target..$COMMIT"`);
const MAY_PUSH = endingIn1(`${TARGET_HEAD}
  timeout ${CLONE_LIMIT_S} git push --quiet --dry-run origin "\${target:-$COMMIT}:refs/heads/$TARGET"`);
const MERGE = endingIn1(`${TARGET_HEAD}
  if [ -z "$target" ]; then new=$COMMIT
  elif git merge-base --is-ancestor "$COMMIT" "$target" && git diff --quiet "$COMMIT" "$target"; then echo "same $target"; exit 0
  elif last=$(git rev-list --first-parent --merges -n 1 "$target") && [ -n "$last" ] &&
    last=$(git rev-parse "$last^2") && [ "$last" != "$COMMIT" ] && git merge-base --is-ancestor "$COMMIT" "$last"
  then echo "older $last"; exit 0
  elif [ "$target" != "$FROM" ]; then echo "moved $target"; exit 0
  else new=$(git commit-tree "$COMMIT^{tree}" -p "$target" -p "$COMMIT" -m "$MESSAGE") || exit 1
  fi
  timeout ${CLONE_LIMIT_S} git push --quiet origin "$new:refs/heads/$TARGET" && echo "pushed $new"`);

/**
 * What a branch lacks of a commit.
 *
 * @throws GitError: no such repository, who reads is refused, no answer
 */
export async function commitsAhead(remote: GitRemote, target: string, commit: string): Promise<BranchAhead> {
  const { stdout } = await inClone(remote, target, commit, AHEAD);
  const [head = "", ...lines] = stdout.trimEnd().split("\n");
  const commits = lines.map((line) => ({ sha: line.slice(0, 40), subject: line.slice(41) }));
  return { head: head || undefined, commits };
}

/**
 * Sees that who reads may push too, without pushing anything.
 *
 * @throws GitError: who pushes is refused, no answer
 */
export async function requirePush(remote: GitRemote, target: string, commit: string): Promise<void> {
  await inClone({ ...remote, branch: target }, target, commit, MAY_PUSH);
}

/** What a merge is made of. */
export interface MergeOptions extends CommitOptions {
  /** The branch that gets the commit. */
  readonly target: string;
  readonly commit: string;
  /** Where that branch was when it was looked at; one that has moved since is left alone. */
  readonly from: string | undefined;
}

/**
 * Brings a commit to another branch, by a merge that has exactly the commit's files: whatever the branch had of its own, as a
 * revert, stays in its history only. The branch is made where it isn't there yet, never forced, and left alone when it has those
 * files already.
 *
 * @throws GitError: who pushes is refused, the branch has moved, had a later commit or is protected, no answer
 */
export async function mergeTo(remote: GitRemote, options: MergeOptions): Promise<Commit> {
  return await retried(() => attemptMerge(remote, options), options.target, options);
}

async function attemptMerge(
  remote: GitRemote,
  { target, commit, from, author, message }: MergeOptions,
): Promise<Commit> {
  const container = withAuthor(gitContainer(remote), author)
    .withEnvVariable("MESSAGE", message)
    .withEnvVariable("FROM", from ?? "");
  const { stdout } = await inClone({ ...remote, branch: target }, target, commit, MERGE, container);
  const [what, sha = ""] = stdout.trim().split(" ");
  if (what === "older")
    throw new GitError(
      "other",
      `The branch ${target} of ${remote.url} has had ${sha.slice(0, 7)}, which came after ${commit.slice(0, 7)}. It was left alone. ` +
        "Back to a tag before: dagger call rollback",
    );
  if (what !== "moved") return { sha, changed: what === "pushed" };
  throw new GitError(
    "other",
    `The branch ${target} of ${remote.url} has moved to ${sha.slice(0, 7)} since it was looked at (${from?.slice(0, 7) ?? "it wasn't there"}): ` +
      "somebody has promoted or rolled back meanwhile. It was left alone. Next: the same call again, which looks anew.",
  );
}

async function inClone(
  remote: GitRemote,
  target: string,
  commit: string,
  script: string,
  container = gitContainer(remote),
) {
  const named = container.withEnvVariable("TARGET", target).withEnvVariable("COMMIT", commit);
  const cloned = await runGit(remote, named, CLONE);
  return await runGit(remote, cloned.container, script);
}
