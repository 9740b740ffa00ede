import type { Container } from "@dagger.io/dagger";
import {
  type Commit,
  type CommitOptions,
  endingIn1,
  type GitRemote,
  gitClone,
  gitContainer,
  gitPush,
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
const CLONE = endingIn1(gitClone("--no-checkout"));
/** How the target stands to the commit: it has the same files already, or has had a later one of the trunk. */
const LOOK = `cd /work
  target=$(git rev-parse --verify --quiet "refs/remotes/origin/$TARGET" || true)
  standing=
  if [ -z "$target" ]; then :
  elif git merge-base --is-ancestor "$COMMIT" "$target" && git diff --quiet "$COMMIT" "$target"; then standing="same $target"
  elif last=$(git merge-base "$target" "origin/$BRANCH") && [ "$last" != "$COMMIT" ] && git merge-base --is-ancestor "$COMMIT" "$last"
  then standing="older $last"
  fi`;
/** A trunk that is followed itself has later ones in any case. */
const AHEAD = endingIn1(`${LOOK}
  [ "$TARGET" = "$BRANCH" ] || case $standing in older*) echo "$standing"; exit 0 ;; esac
  { [ -z "$PUSHES" ] || ${gitPush(`\${target:-$COMMIT}`, "--dry-run")}; } &&
    echo "$target" &&
    { [ -z "$target" ] || git log --no-merges --format='%H %s' "$target..$COMMIT"; }`);
const MERGE = endingIn1(`${LOOK}
  if [ -n "$standing" ]; then echo "$standing"; exit 0
  elif [ -z "$target" ]; then new=$COMMIT
  elif [ "$target" != "$FROM" ]; then echo "moved $target"; exit 0
  else new=$(git commit-tree "$COMMIT^{tree}" -p "$target" -p "$COMMIT" -m "$MESSAGE") || exit 1
  fi
  ${gitPush("$new")} && echo "pushed $new"`);

/** A commit, and the branch that it may come to. */
interface Way {
  readonly target: string;
  readonly commit: string;
}

/**
 * What a branch lacks of a commit.
 *
 * @param way.pushes whether who reads must be able to push too; nothing is pushed
 * @throws GitError: no such repository, the branch had a later commit, who reads or pushes is refused, no answer
 */
export async function commitsAhead(remote: GitRemote, way: Way & { readonly pushes: boolean }): Promise<BranchAhead> {
  const container = gitContainer(remote).withEnvVariable("PUSHES", way.pushes ? "yes" : "");
  const { stdout } = await inClone(remote, way, AHEAD, container);
  refuseOlder(remote, way, stdout);
  const [head = "", ...lines] = stdout.trimEnd().split("\n");
  const commits = lines.map((line) => ({ sha: line.slice(0, 40), subject: line.slice(41) }));
  return { head: head || undefined, commits };
}

/** What a merge is made of. */
export interface MergeOptions extends CommitOptions, Way {
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

async function attemptMerge(remote: GitRemote, merge: MergeOptions): Promise<Commit> {
  const { target, from, author, message } = merge;
  const container = withAuthor(gitContainer(remote), author)
    .withEnvVariable("MESSAGE", message)
    .withEnvVariable("FROM", from ?? "");
  const { stdout } = await inClone(remote, merge, MERGE, container);
  refuseOlder(remote, merge, stdout);
  const [what, sha = ""] = stdout.trim().split(" ");
  if (what === "moved") requireUnmoved({ ...remote, branch: target }, from, sha);
  return { sha, changed: what === "pushed" };
}

/** Refuses a commit of which the branch has had a later one, as a script says in `older <sha>`. */
function refuseOlder({ url }: GitRemote, { target, commit }: Way, said: string): void {
  const [what, sha = ""] = said.trim().split(" ");
  if (what !== "older") return;
  throw new GitError(
    "other",
    `The branch ${target} of ${url} has had ${sha.slice(0, 7)}, which came after ${commit.slice(0, 7)}. It was left alone. ` +
      "Back to a tag before: dagger call rollback",
  );
}

/**
 * Refuses a branch that is not where it was when it was looked at.
 *
 * @throws GitError with both commits
 */
export function requireUnmoved(
  { url, branch }: Pick<GitRemote, "url" | "branch">,
  from: string | undefined,
  now: string | undefined,
): void {
  if (now === from) return;
  const what = now ? `has moved to ${now.slice(0, 7)}` : "is gone";
  throw new GitError(
    "other",
    `The branch ${branch} of ${url} ${what} since it was looked at (${from?.slice(0, 7) ?? "it wasn't there"}): ` +
      "somebody has promoted or rolled back meanwhile. It was left alone. Next: the same call again, which looks anew.",
  );
}

/** Runs a script in a clone; what is refused there is refused for the target. */
async function inClone(remote: GitRemote, { target, commit }: Way, script: string, container: Container) {
  const named = container.withEnvVariable("TARGET", target).withEnvVariable("COMMIT", commit);
  const cloned = await runGit(remote, named, CLONE);
  return await runGit({ ...remote, branch: target }, cloned.container, script);
}
