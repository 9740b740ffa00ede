import { type Container, dag, type Secret, type Service } from "@dagger.io/dagger";
import type { EnvironmentEntry } from "./environments.js";
import { exec, type Outcome, uncached } from "./exec.js";
import { explainGitError, GitError } from "./gitErrors.js";
import { images } from "./images.js";
import { readRelease, setTag } from "./release.js";
import { type Log, realClock } from "./steps.js";

/** A branch of a repository on a server, and who may push to it. */
export interface GitRemote {
  /** https, without credentials: `https://github.com/owner/name`. */
  readonly url: string;
  readonly branch: string;
  readonly username: string;
  readonly password: Secret;
  /** A server that stands for the URL's host. Without one it is the host itself. */
  readonly service?: Service;
  /** The certificate (PEM) that vouches for the server's, where that is no public authority's. */
  readonly authority?: string;
}

/** Who makes a commit, and what it says. */
export interface CommitOptions {
  /** `Name <address>`. */
  readonly author: string;
  readonly message: string;
  readonly log: Log;
}

/** How a file is changed. */
export interface FileCommitOptions extends CommitOptions {
  /** A clone of the branch that was made before, which spares the time for one. Where the branch has moved since, a new one is made. */
  readonly clone?: Promise<Clone | undefined>;
  /** Makes a commit also of a file that is as it should be, for what the message says. */
  readonly isAlways?: boolean;
}

/** A branch as it was when it was looked at. */
export interface Clone {
  readonly branch: string;
  /** Its newest commit. */
  readonly sha: string;
  /** Has its files in /work. */
  readonly container: Container;
}

/** Where a branch stands after a change. */
export interface Commit {
  /** The commit that has the change: a new one, or the branch's newest one if that had it already. */
  readonly sha: string;
  readonly changed: boolean;
}

/** Where a branch stands after a change of a file. */
export interface FileCommit extends Commit {
  /** The branch with that commit, for the next one. */
  readonly clone: Clone;
}

/** What became of a release file. */
export interface TagCommit extends FileCommit {
  /** The tag that it had before. */
  readonly before: string;
}

/** How often a push may be overtaken by others before it is given up. */
const PUSH_ATTEMPTS = 8;
const RETRY_MS = 250;
/** The most that a clone or a push may take, in seconds. */
const LIMIT_S = 120;

/** Ends with 0 or 1 only: Dagger doesn't take git's 128. */
export const endingIn1 = (script: string) => `{\n${script}\n} || {
  [ $? -ne 124 ] || echo 'fatal: no answer within ${LIMIT_S} s' >&2
  exit 1
}`;

/** A clone into /work, within the limit. */
export const gitClone = (options: string) => `timeout ${LIMIT_S} git clone --quiet --no-tags ${options} "$URL" /work`;

/** A push within the limit, to the branch in $TARGET, and never forced. */
export const gitPush = (what: string, options = "") =>
  `timeout ${LIMIT_S} git push --quiet ${options} origin "${what}:refs/heads/$TARGET"`;

const CLONE = endingIn1(`${gitClone('--depth 1 --single-branch --branch "$BRANCH"')} && git -C /work rev-parse HEAD`);
/** A lease forces nothing, as the commit follows on what it expects; without it, commits that were taken off the branch would come back. */
const LEASE = `\${EXPECTED:+--force-with-lease="refs/heads/$TARGET:$EXPECTED"}`;
const PUSH = endingIn1(
  `git commit --quiet --allow-empty --message "$MESSAGE" -- "$FILE" && ${gitPush("HEAD", LEASE)} && git rev-parse HEAD`,
);
const ASK_PASS = `#!/bin/sh
case $1 in
Username*) printf '%s\\n' "$GIT_USERNAME" ;;
*) tr -d '\\r\\n' </git/password && echo ;;
esac
`;

/**
 * Changes a file on the remote's branch. A push that others overtook is made anew on top of theirs, never forced. A file that
 * is already as `edit` wants it makes no commit, unless there is to be one always.
 *
 * @param path relative to the repository's root
 * @param edit gives the file's new text for the present one; called anew for each attempt
 * @throws GitError: who pushes is refused, the branch is protected, no such repository, branch or file, no answer
 */
export async function commitFile(
  remote: GitRemote,
  path: string,
  edit: (text: string) => string,
  options: FileCommitOptions,
): Promise<FileCommit> {
  const change = { target: remote.branch, path, edit, ...options };
  let ahead = await options.clone;
  if (ahead?.branch !== remote.branch) ahead = undefined;
  const commit = async () => {
    const clone = ahead;
    ahead = undefined;
    const early = clone && (await commitFrom(clone, remote, change));
    return early ?? (await attemptCommit(remote, await cloneOf(remote), change));
  };
  return await retried(commit, path, options);
}

/** A commit in a clone from before; nothing when it has the change already or has another fault, which may be gone by now. */
async function commitFrom(clone: Clone, remote: GitRemote, change: Change): Promise<FileCommit | undefined> {
  try {
    const made = await attemptCommit(remote, clone, change);
    return made.changed ? made : undefined;
  } catch (error) {
    if (error instanceof GitError) throw error;
    return undefined;
  }
}

/** Makes a clone for a commit that comes later. A failure is left to the clone that is made then. */
export const cloneAhead = (remote: GitRemote): Promise<Clone | undefined> => cloneOf(remote).catch(() => undefined);

const COMPARE = endingIn1(`${gitClone('--no-checkout --branch "$BRANCH"')} && cd /work && {
  if ! git rev-parse --verify --quiet "origin/$OTHER" >/dev/null; then echo absent
  elif git merge-base --is-ancestor HEAD "origin/$OTHER"; then echo holds
  else echo lacks; fi
}`);

/**
 * Whether another branch has all that the remote's has, or is not there at all.
 *
 * @throws GitError: no such repository or branch, who reads is refused, no answer
 */
export async function isUpToDate(remote: GitRemote, other: string): Promise<boolean> {
  const container = gitContainer(remote).withEnvVariable("OTHER", other);
  return (await runGit(remote, container, COMPARE)).stdout.trim() !== "lacks";
}

/**
 * As `commitFile`, on a branch of its own: it begins at the remote's branch if it isn't there yet.
 *
 * @throws GitError as `commitFile` does
 */
export async function commitFileToBranch(
  remote: GitRemote,
  branch: string,
  path: string,
  edit: (text: string) => string,
  options: CommitOptions,
): Promise<FileCommit> {
  const change = { target: branch, path, edit, ...options };
  const own = { ...remote, branch };
  // Each time from the branch first: a push whose answer was lost may have made it.
  const commit = async () => {
    const clone = await cloneOf(own).catch((error: unknown) => {
      if (!(error instanceof GitError) || error.problem !== "branch") throw error;
    });
    return clone ? await attemptCommit(own, clone, change) : await attemptCommit(remote, await cloneOf(remote), change);
  };
  return await retried(commit, path, options);
}

/** Tries again what others overtook, on top of theirs; and once what the server may have taken without an answer, to see whether it has. */
export async function retried<T>(
  attempted: () => Promise<T>,
  what: string,
  options: Pick<CommitOptions, "log">,
): Promise<T> {
  let hasLooked = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await attempted();
    } catch (error) {
      if (!(error instanceof GitError) || attempt >= PUSH_ATTEMPTS) throw error;
      const looksAgain: boolean = error.mayHaveArrived && !hasLooked;
      if (error.problem !== "overtaken" && !looksAgain) throw error;
      hasLooked ||= looksAgain;
      options.log(
        looksAgain
          ? `${what}: the server did not answer the push, and may have taken it; once more, from what it has`
          : `${what}: another push was first; once more on top of it`,
      );
      await realClock.sleep(RETRY_MS * attempt * Math.random());
    }
  }
}

/**
 * Sets the image's tag in an environment's release file on the remote's branch: one scalar, everything else byte for byte.
 *
 * @param options.from the tag that it must have now
 * @param options.branch another branch than the remote's, made when it isn't there
 * @throws GitError as `commitFile` does, TagError, and ReleaseFileError (file, line, column)
 */
export async function commitTag(
  remote: GitRemote,
  { releaseFile }: EnvironmentEntry,
  tag: string,
  { from, branch, ...options }: FileCommitOptions & { from?: string; branch?: string },
): Promise<TagCommit> {
  let before = tag;
  const edit = (text: string) => {
    before = readRelease(text, releaseFile).tag;
    if (from && before !== from && before !== tag)
      throw new GitError("other", `${releaseFile} has ${before} by now, and not ${from}. Nothing was changed.`);
    return setTag(text, tag, releaseFile);
  };
  const commit = branch
    ? await commitFileToBranch(remote, branch, releaseFile, edit, options)
    : await commitFile(remote, releaseFile, edit, options);
  return { ...commit, before };
}

async function cloneOf(remote: GitRemote): Promise<Clone> {
  const { stdout, container } = await runGit(remote, gitContainer(remote), CLONE);
  return { branch: remote.branch, sha: stdout.trim(), container };
}

/** What is changed, and the branch that gets it. */
interface Change extends CommitOptions {
  readonly target: string;
  readonly path: string;
  readonly edit: (text: string) => string;
  readonly isAlways?: boolean;
}

/** One change in a clone of the remote's branch, one push to `target`. */
async function attemptCommit(remote: GitRemote, clone: Clone, change: Change): Promise<FileCommit> {
  const { target, path, edit, author, message, isAlways = false } = change;
  const text = await textOf(remote, clone.container, path);
  const changed = edit(text);
  if (changed === text && !isAlways) return { sha: clone.sha, changed: false, clone };
  const edited = clone.container
    .withWorkdir("/work")
    .withNewFile(path, changed)
    .withEnvVariable("FILE", path)
    .withEnvVariable("TARGET", target)
    .withEnvVariable("EXPECTED", target === clone.branch ? clone.sha : "")
    .withEnvVariable("MESSAGE", message);
  const { stdout, container } = await runGit({ ...remote, branch: target }, withAuthor(edited, author), PUSH);
  const sha = stdout.trim();
  return { sha, changed: true, clone: { branch: target, sha, container } };
}

/** Runs a script with git in it, each time anew, and explains its failure. */
export async function runGit(remote: GitRemote, container: Container, script: string): Promise<Outcome> {
  const outcome = await exec(uncached(container), ["sh", "-c", script]);
  if (outcome.code === 0) return outcome;
  throw explainGitError(outcome.stderr, { ...remote, pushes: script.includes("git push") });
}

async function textOf({ url, branch }: GitRemote, cloned: Container, path: string): Promise<string> {
  const found = await cloned.directory("/work").exists(path);
  if (!found) throw new GitError("file", `The branch ${branch} of ${url} has no file ${path}.`);
  return await cloned.file(`/work/${path}`).contents();
}

/** A container that may speak to the remote, to be run by `runGit`. */
export function gitContainer({ url, branch, username, password, service, authority }: GitRemote): Container {
  let container = dag
    .container()
    .from(images.git)
    .withNewFile("/git/askpass", ASK_PASS, { permissions: 0o755 })
    .withEnvVariable("GIT_ASKPASS", "/git/askpass")
    .withEnvVariable("GIT_TERMINAL_PROMPT", "0")
    .withEnvVariable("GIT_HTTP_LOW_SPEED_LIMIT", "1")
    .withEnvVariable("GIT_HTTP_LOW_SPEED_TIME", "20")
    .withEnvVariable("LC_ALL", "C") // its errors are read
    .withEnvVariable("GIT_USERNAME", username)
    .withEnvVariable("URL", url)
    .withEnvVariable("BRANCH", branch);
  if (authority)
    container = container
      .withEnvVariable("GIT_SSL_CAINFO", "/git/authority.pem")
      .withNewFile("/git/authority.pem", authority);
  container = container.withMountedSecret("/git/password", password);
  return service ? container.withServiceBinding(hostOf(url), service) : container;
}

/**
 * Reads who makes commits.
 *
 * @throws GitError when it is not of the form `Name <address>`
 */
export function parseAuthor(author: string): { name: string; address: string } {
  const [, name, address] = /^\s*([^<>]+?)\s*<([^<>]*)>\s*$/.exec(author) ?? [];
  if (name && address !== undefined) return { name, address };
  throw new GitError("other", `${JSON.stringify(author)} is no author of a commit. Give one as "Name <address>".`);
}

/** Names who makes the commits. */
export function withAuthor(container: Container, author: string): Container {
  const { name, address } = parseAuthor(author);
  let named = container;
  for (const role of ["AUTHOR", "COMMITTER"])
    named = named.withEnvVariable(`GIT_${role}_NAME`, name).withEnvVariable(`GIT_${role}_EMAIL`, address);
  return named;
}

/**
 * The host of a repository's URL.
 *
 * @throws GitError when it is no https URL, or holds credentials
 */
export function hostOf(url: string): string {
  const { protocol, hostname, username, password } = URL.canParse(url)
    ? new URL(url)
    : { protocol: "", hostname: "", username: "", password: "" };
  if (username || password)
    throw new GitError("other", `The URL of the repository on ${hostname} holds credentials. Give them apart.`);
  if (protocol !== "https:" || !hostname)
    throw new GitError("other", `${JSON.stringify(url)} is no https URL of a repository.`);
  return hostname;
}
