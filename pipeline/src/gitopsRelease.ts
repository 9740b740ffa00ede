import type { Directory } from "@dagger.io/dagger";
import { type Delivery, describeCommit, PIPELINE_AUTHOR, publishTag } from "./delivery.js";
import type { EnvironmentEntry } from "./environments.js";
import { type ReleaseCommit, releaseMessage, tagBefore, tagsOf, takenBackBy } from "./evidence.js";
import { analysisSeconds, askForAnalysis } from "./flagger.js";
import { requestSync, syncSource } from "./flux.js";
import { branchOf, type GitRepository } from "./fluxObjects.js";
import { commitFile, type GitRemote, type TagCommit } from "./git.js";
import { historyOf, holdsCommit } from "./gitHistory.js";
import type { Cluster } from "./kubernetes.js";
import { readRelease, setTag } from "./release.js";
import {
  lookAtRelease,
  ReleaseFailure,
  type ReleaseResult,
  type Snapshot,
  suspendedOf,
  waitForRelease,
} from "./releaseChain.js";
import { releaseOf } from "./releaseFile.js";
import { isSameRepository } from "./repositoryUrl.js";
import { servingTag } from "./status.js";
import { type Log, type Run, withAdvice } from "./steps.js";
import { rolloutChart } from "./timeline.js";

/** The most that a release without an analysis may take from the commit on, in seconds. */
const RELEASE_TIMEOUT_SECONDS = 300;

/** An environment that Flux brings from git. */
export interface GitopsTarget extends Delivery {
  readonly api: Cluster;
  readonly environment: EnvironmentEntry;
  /** The most that a release may take, in seconds; it ends much earlier when it can't come good. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

/**
 * Brings a tag out through git: commits it to the environment's release file, asks Flux to look, and waits until that
 * commit is out. A tag that is there already makes no commit.
 *
 * @throws GitError, or ReleaseFailure with the link that can't come good
 */
export async function releaseThroughGit(
  target: GitopsTarget,
  tag: string,
): Promise<{ commit: TagCommit; release: ReleaseResult }> {
  const commit = await publishTag(target, target.environment, { tag }, target.log);
  return { commit, release: await bringOut(target, tag, commit.sha) };
}

/** Asks Flux to take a commit now, and waits until the tag in it is out. */
export async function bringOut(target: GitopsTarget, tag: string, commit: string): Promise<ReleaseResult> {
  const [release] = await Promise.all([
    waitForTag(target, tag, commit),
    requestSync(target.api, target.environment, commit, target.log),
  ]);
  return release;
}

/** Draws the way of a release into a report, whether it comes out or not. */
export async function drawnOut(run: Run, title: string, work: () => Promise<ReleaseResult>): Promise<ReleaseResult> {
  try {
    const out = await work();
    run.attach(rolloutChart(title, out.timeline, out.seconds));
    return out;
  } catch (error) {
    if (error instanceof ReleaseFailure) run.attach(rolloutChart(title, error.timeline, error.seconds));
    throw error;
  }
}

/** Waits until a tag is out that is in git already; with a commit, until that one has arrived, or a later one that holds it. */
export async function waitForTag(
  { api, remote, environment, timeoutSeconds = RELEASE_TIMEOUT_SECONDS, log }: GitopsTarget,
  tag: string,
  revision?: string,
): Promise<ReleaseResult> {
  return await waitForRelease(api, {
    namespace: environment.namespace,
    helmRelease: environment.helmRelease,
    ...(revision && { revision, contains: (commit: string) => holdsCommit(remote, commit, revision) }),
    tag,
    askForAnalysis: (canary) => askForAnalysis(api, canary, log),
    timeoutSeconds,
    log,
  });
}

/** A tag that failed, and how it came into the release file. */
export interface FailedTag {
  readonly tag: string;
  readonly commit: TagCommit;
  /** The tag that served before that commit; none where nothing did. */
  readonly serving?: string;
}

/** The tag that users get now; none where nothing serves yet. */
export async function servedTag({
  api,
  environment,
}: Pick<GitopsTarget, "api" | "environment">): Promise<string | undefined> {
  return servingTag((await lookAtRelease(api, environment)).objects);
}

/**
 * Where a tag that failed is taken back to: the one that served, for the one that the file had may never have passed, as after
 * a run that was cancelled. One that the file never had, or that was taken back and only served still, is not gone back to.
 *
 * @param history the commits of the release file, the newest first
 * @returns none when the file never had another one
 */
export function wayBackFrom(
  { tag, commit, serving }: FailedTag,
  history: readonly ReleaseCommit[],
  file: string,
): string | undefined {
  // A run that found its tag there, left by one that was cancelled, knows only from history what was before.
  const before = commit.changed ? commit.before : tagBefore(history, file);
  if (!serving || serving === tag) return before;
  const isGood = tagsOf(history, file).includes(serving) && !takenBackBy(serving, history, file);
  return isGood ? serving : before;
}

/**
 * Takes a tag that failed back: the release file gets the tag that served before by a commit, and that one is waited for. A file
 * that has another tag by now is left alone.
 *
 * @returns what was done, in a line
 * @throws GitError, ReleaseFailure
 */
export async function takeBack(target: GitopsTarget, failed: FailedTag): Promise<string> {
  const { tag, commit } = failed;
  const { remote, environment, author = PIPELINE_AUTHOR, run, log } = target;
  const { releaseFile: file } = environment;
  const stillThere = () =>
    `${file} still has ${tag}, which failed. To go back: dagger call rollback --env ${environment.name} --git-token …`;
  const { commits } = await withAdvice(() => historyOf(remote, file), stillThere);
  const to = wayBackFrom(failed, commits, file);
  if (!to) return `${file} keeps ${tag}: it never had another one`;
  let present = tag;
  const edit = (text: string) => {
    present = readRelease(text, file).tag;
    return present === tag ? setTag(text, to, file) : text;
  };
  const message = releaseMessage({ file, tag: to, rolledBack: { tag, commit: commit.sha }, ...(run && { run }) });
  const reverted = await withAdvice(() => commitFile(remote, file, edit, { author, message, log }), stillThere);
  // A push whose answer was lost is found done.
  if (present !== tag && present !== to) return `${file} has ${present} by now, and was left alone`;
  log(`${file} → ${to}: ${describeCommit(remote, reverted)}`);
  const { seconds } = await withAdvice(
    () => bringOut(target, to, reverted.sha),
    // No rollback: that would go back one more.
    () => `git says ${to} again. How ${environment.name} stands: dagger call status --env ${environment.name}`,
  );
  const why = commit.changed && commit.before !== to ? `; it served before, and not ${commit.before} of ${file}` : "";
  return `${to} again, by ${reverted.sha.slice(0, 7)}; out after ${Math.round(seconds)} s${why}`;
}

/**
 * Looks whether Flux brings an environment from git, so that a tag is a commit there.
 *
 * @param remote the repository that the commit would go to
 * @throws Error when Flux follows another repository or branch than that one
 */
export async function followsGit(api: Cluster, environment: EnvironmentEntry, remote?: GitRemote): Promise<boolean> {
  const { spec } = ((await api.findObject(syncSource)) ?? {}) as GitRepository;
  if (!spec?.url) return false;
  const branch = branchOf(spec.ref);
  if (remote && (!isSameRepository(spec.url, remote.url) || branch !== remote.branch))
    throw new Error(
      `Flux in ${environment.name} follows ${branch ?? "no branch"} of ${spec.url}, and the tag would be committed to ${remote.branch} of ${remote.url}: ` +
        "it would never arrive. Is it the right cluster? Nothing was changed.",
    );
  return true;
}

/**
 * Sees that nothing on a tag's way is suspended: it would stop there, and come out unwatched when somebody resumes it.
 *
 * @throws Error that names what is
 */
export function refuseSuspended(objects: Snapshot, { name }: EnvironmentEntry): void {
  const suspended = suspendedOf(objects);
  if (suspended.length === 0) return;
  throw new Error(
    `Somebody has frozen ${name}: ${suspended.join(" and ")} ${suspended.length > 1 ? "are" : "is"} suspended, and a tag would stop there. Nothing was changed. ` +
      `Next: dagger call status --env ${name} shows the call that resumes it.`,
  );
}

/**
 * The most that a release may take in an environment, in seconds: where Flagger analyses it, with all of its checks.
 *
 * @param given what the caller has set for all of it, Flagger's part too
 */
export async function releaseTimeout(
  source: Directory,
  environment: EnvironmentEntry,
  given?: number,
): Promise<number> {
  return given ?? RELEASE_TIMEOUT_SECONDS + analysisSeconds((await releaseOf(source, environment)).values);
}
