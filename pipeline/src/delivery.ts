import type { Directory, Secret } from "@dagger.io/dagger";
import { type EnvironmentEntry, environment, folderOf } from "./environments.js";
import { type ReleaseNote, releaseMessage } from "./evidence.js";
import type { GitRepository } from "./fluxObjects.js";
import {
  type Clone,
  type Commit,
  commitTag,
  type FileCommitOptions,
  type GitRemote,
  hostOf,
  isUpToDate,
  type TagCommit,
} from "./git.js";
import { GitError } from "./gitErrors.js";
import { openBranchOf, openPullRequest, PullRequestError } from "./pullRequest.js";
import type { Log } from "./steps.js";
import { readYaml } from "./yamlFile.js";

/** Who makes the pipeline's commits, when nobody is named. */
export const PIPELINE_AUTHOR = "helloworld-infrastructure <pipeline@helloworld.invalid>";

/** The way of a change to the repository that Flux follows. */
export interface Delivery {
  readonly remote: GitRemote;
  /** `Name <address>`; the pipeline itself when not given. */
  readonly author?: string;
  /** What the commits call the run. */
  readonly run?: string;
  /** Whether a protected branch gets a pull request instead; false where none can do, as for a commit that is waited for. */
  readonly pullRequest?: boolean;
  /** A clone of the remote's branch that was made ahead, for the first commit. */
  readonly clone?: Promise<Clone | undefined>;
}

/** A tag that is in git, or on its way there. */
export interface Published extends TagCommit {
  /** The pull request that is to bring it, where the branch takes no pushes. */
  readonly pullRequest?: string;
}

/** Where Flux finds the repository: the source in an environment's folder of clusters/. */
export async function repositoryOf(
  source: Directory,
  entry: EnvironmentEntry,
): Promise<{ url: string; branch: string }> {
  const file = `${folderOf(entry)}/gitrepository.yaml`;
  const { spec } = (await readYaml(source, file, "GitRepository")) as Pick<GitRepository, "spec">;
  if (spec?.url && spec.ref?.branch) return { url: spec.url, branch: spec.ref.branch };
  throw new Error(`${file} has no GitRepository with a spec.url and a spec.ref.branch.`);
}

/** The branch that versions are committed to, for every environment: the one that dev follows. */
export const trunkOf = (source: Directory) => repositoryOf(source, environment("dev"));

/** The repository's trunk, as the owner of a token reaches it. */
export async function remoteOf(source: Directory, access: { token: Secret; username: string }): Promise<GitRemote> {
  if ((await access.token.plaintext()).trim() === "") throw new Error("--git-token is empty.");
  const trunk = await trunkOf(source);
  hostOf(trunk.url); // a token goes nowhere in the clear
  return { ...trunk, username: access.username, password: access.token };
}

/** The branch that an environment follows, of the same repository. */
export async function followedBy(
  source: Directory,
  environment: EnvironmentEntry,
  trunk: GitRemote,
): Promise<GitRemote> {
  const { branch } = await repositoryOf(source, environment);
  return { ...trunk, branch };
}

/** The branch by which an environment gets what is in git only when it is promoted; none where it follows the trunk. */
export async function promotionBranch(source: Directory, environment: EnvironmentEntry): Promise<string | undefined> {
  const [trunk, followed] = await Promise.all([trunkOf(source), repositoryOf(source, environment)]);
  return followed.branch === trunk.branch ? undefined : followed.branch;
}

/**
 * Sets a tag in an environment's release file in git, by a commit that says why. A file that has the tag gets no commit. A
 * protected branch gets a pull request where one is wanted.
 *
 * @throws GitError, PullRequestError
 */
export async function publishTag(
  { remote, author = PIPELINE_AUTHOR, run, pullRequest, clone }: Delivery,
  environment: EnvironmentEntry,
  note: Omit<ReleaseNote, "file" | "run">,
  log: Log,
): Promise<Published> {
  const { releaseFile } = environment;
  const message = releaseMessage({ ...note, file: releaseFile, ...(run && { run }) });
  const options = { author, message, log, clone, from: note.rolledBack?.tag };
  try {
    const commit = await commitTag(remote, environment, note.tag, options);
    log(`${releaseFile} → ${note.tag}: ${describeCommit(remote, commit)}`);
    return commit;
  } catch (error) {
    if (!(error instanceof GitError) || error.problem !== "protected") throw error;
    if (pullRequest === undefined)
      throw new GitError("protected", `${error.message}\nFor a pull request instead: --pull-request`);
    if (!pullRequest) throw error;
    const branch = await ownBranch(remote, branchFor(environment, note), log);
    const propose = (branch: string) => proposeTag(remote, environment, note.tag, { ...options, branch });
    return await propose(branch).catch((failed: unknown) => {
      if (!(failed instanceof PullRequestError) || !failed.nothingToMerge) throw failed;
      log(`${branch} has been merged meanwhile`);
      return propose(`${branch}-${Date.now()}`);
    });
  }
}

/**
 * A branch for a pull request: the one that is open goes on. One that is left from another, merged or closed, is of an older state, which
 * it would bring along.
 */
async function ownBranch(remote: GitRemote, branch: string, log: Log): Promise<string> {
  const open = await openBranchOf(remote, branch);
  if (open) return open;
  if (await isUpToDate(remote, branch)) return branch;
  log(`${branch} is left from another change`);
  return `${branch}-${Date.now()}`;
}

/** Sets a tag on a branch of its own, and opens a pull request for it. */
async function proposeTag(
  remote: GitRemote,
  environment: EnvironmentEntry,
  tag: string,
  options: FileCommitOptions & { readonly from?: string; readonly branch: string },
): Promise<Published> {
  const { branch, message, log } = options;
  log(`${remote.branch} is protected: ${tag} goes to the branch ${branch}, for a pull request`);
  const commit = await commitTag(remote, environment, tag, options);
  const [title = "", , ...body] = message.split("\n");
  const address = await openPullRequest(remote, { branch, title, body: body.join("\n") });
  log(`${environment.releaseFile} → ${tag}: ${address} is to be merged`);
  return { ...commit, pullRequest: address };
}

/** The branch of a pull request that sets a tag. */
function branchFor({ name }: EnvironmentEntry, { tag, rolledBack }: Pick<ReleaseNote, "tag" | "rolledBack">): string {
  return rolledBack ? `rollback/${name}-${rolledBack.tag}-to-${tag}` : `release/${name}-${tag}`;
}

/** `committed abc1234 on main of https://…` */
export function describeCommit({ url, branch }: GitRemote, { sha, changed }: Commit): string {
  return `${changed ? "committed" : "there already, in"} ${sha.slice(0, 7)} on ${branch} of ${url}`;
}
