import type { Directory } from "@dagger.io/dagger";
import { type Delivery, publishTag, trunkOf } from "./delivery.js";
import type { Target } from "./deployment.js";
import type { EnvironmentEntry } from "./environments.js";
import { commitOfTag, isRollback, type ReleaseCommit, tagAfter, tagBefore, tagsOf } from "./evidence.js";
import { isSeenEnough, type Standing, type Trouble } from "./fluxLinks.js";
import { wantedTag } from "./fluxObjects.js";
import { type FileHistory, historyOf } from "./gitHistory.js";
import { bringOut, drawnOut, followsGit, refuseSuspended, releaseTimeout } from "./gitopsRelease.js";
import { lookAtRelease, type Snapshot } from "./releaseChain.js";
import { formatSeconds, type Report } from "./report.js";
import { servingTag } from "./status.js";
import { type Log, runSteps, withAdvice } from "./steps.js";

/** What `rollback` runs with. */
export interface RollbackOptions {
  readonly source: Directory;
  readonly environment: EnvironmentEntry;
  /** The repository, with the branch that the environment follows. */
  readonly delivery: Delivery;
  /** Where to go back to; the tag before when not given. */
  readonly tag?: string;
  /** Opens the environment's cluster, to wait there; nothing is waited for without it. */
  readonly cluster?: () => Promise<Target>;
  /** The most that the tag may take until it is out, in seconds; as `releaseTimeout` has it when not given. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

/** From where to where. */
export interface WayBack {
  readonly from: string;
  readonly to: string;
  /** The commit that brought `from`. */
  readonly commit: string | undefined;
}

/**
 * Takes an environment back to the tag before, by a commit to its release file; and waits until that one is out, where there
 * is a cluster to look at.
 *
 * @throws StepFailure
 */
export async function rollback(options: RollbackOptions): Promise<Report> {
  const { source, environment: entry, delivery, cluster, log } = options;
  const plan = [...(cluster ? ["cluster"] : []), "commit", ...(cluster ? ["release"] : [])];
  const { report } = await runSteps({ title: `rollback ${entry.name}`, plan, log }, async (run) => {
    const target =
      cluster &&
      (await run.step("cluster", () =>
        withAdvice(
          () => openFlux(options, cluster),
          // Flux needs no one who watches it.
          () =>
            `To go back in git all the same, and wait for nothing: the same call without --kubeconfig and without what logs in to AWS.`,
        ),
      ));
    const { to, commit } = await run.step("commit", async (note) => {
      // What was promoted counts, and not what a merge brought with it.
      const firstParent = delivery.remote.branch !== (await trunkOf(source)).branch;
      const history = await historyOf(delivery.remote, entry.releaseFile, { firstParent });
      const begun = target && !options.tag && begunBefore(history.commits, entry);
      if (begun && isOnItsWay(await lookAtRelease(target.api, entry), begun.tag)) {
        note(`${begun.tag} by ${begun.sha.slice(0, 7)}, which an earlier call has made and is on its way`);
        return { to: begun.tag, commit: { sha: begun.sha, pullRequest: undefined } };
      }
      const way = wayBack(history, entry, options.tag);
      const commit = await publishTag(
        delivery,
        entry,
        { tag: way.to, rolledBack: { tag: way.from, ...(way.commit && { commit: way.commit }) } },
        log,
      );
      note(`${way.from} → ${way.to} by ${commit.pullRequest ?? commit.sha.slice(0, 7)}`);
      return { to: way.to, commit };
    });
    if (!target || commit.pullRequest) return;
    const { api } = target;
    const timeoutSeconds = await releaseTimeout(source, entry, options.timeoutSeconds);
    const gitops = { ...delivery, api, environment: entry, timeoutSeconds, log };
    await run.step("release", async (note) => {
      const out = await withAdvice(
        () => drawnOut(run, `${entry.name}: ${to}`, () => bringOut(gitops, to, commit.sha)),
        () =>
          `git says ${to}. How ${entry.name} stands: dagger call status --env ${entry.name}. ` +
          "The same call waits for it again; to go further back: --tag",
      );
      note(`${to} is out after ${formatSeconds(out.seconds)}`);
    });
  });
  return report;
}

/** The rollback that gave the file its present tag; nothing where none did. Other changes of the file may have come since. */
export function begunBefore(
  commits: readonly ReleaseCommit[],
  { releaseFile: file }: EnvironmentEntry,
): { tag: string; sha: string } | undefined {
  const [newest] = commits;
  const tag = newest && tagAfter(newest, file);
  const brought = commits.find(({ sha }) => sha === commitOfTag(commits, file));
  return newest && tag && brought && isRollback(brought) ? { tag, sha: newest.sha } : undefined;
}

/**
 * Whether a tag in git has not come out yet, and still may: a call whose wait broke off goes on with it, and does not go back one
 * more. One that is out, or can't come good, is gone back from; but not for a trouble that would hold up the tag before it as well.
 */
export function isOnItsWay(
  { standings, objects }: { standings: readonly Standing[]; objects: Snapshot },
  tag: string,
): boolean {
  if (wantedTag(objects.release) !== tag) return true;
  const isRolledOut = standings.every(({ link, arrived }) => link !== "Deployment" || arrived);
  if (servingTag(objects) === tag && isRolledOut) return false;
  return !standings.some(({ trouble }) => trouble && isFinal(trouble));
}

/** What may still be borne for a while ends the wait by itself, if it lasts. */
const isFinal = (trouble: Trouble): boolean =>
  !trouble.holdsAnyTag && (trouble.bearableSeconds === 0 || isSeenEnough(trouble));

async function openFlux(
  { environment, delivery }: RollbackOptions,
  cluster: () => Promise<Target>,
): Promise<Target | undefined> {
  const target = await cluster();
  if (await followsGit(target.api, environment, delivery.remote)) {
    refuseSuspended((await lookAtRelease(target.api, environment)).objects, environment);
    return target;
  }
  throw new Error(
    `There is no Flux in ${environment.name} that follows git: a commit would change nothing there. To deploy by Helm: ` +
      `dagger call deploy --env ${environment.name} --tag …`,
  );
}

/**
 * Chooses the tag to go back to.
 *
 * @param wanted where the caller wants to go: a tag that the file has had
 * @throws Error when there is none
 */
export function wayBack(
  { commits }: Pick<FileHistory, "commits">,
  { releaseFile: file }: EnvironmentEntry,
  wanted?: string,
): WayBack {
  const [newest] = commits;
  const from = newest && tagAfter(newest, file);
  if (!from) throw new Error(`${file} has no tag that can be read. Nothing was changed.`);
  const had = tagsOf(commits, file).filter((tag) => tag !== from);
  if (wanted === from) throw new Error(`${file} has ${from} already. Nothing was changed.`);
  if (wanted && !had.includes(wanted))
    throw new Error(
      `${file} has never had ${wanted}, as far as its last ${commits.length} commits tell. It had: ${had.join(", ") || "no other tag"}. Nothing was changed.`,
    );
  const to = wanted ?? tagBefore(commits, file);
  if (to) return { from, to, commit: commitOfTag(commits, file) };
  throw new Error(
    `${file} has ${from}, and no good tag before it, as far as its last ${commits.length} commits tell. Nothing was changed. ` +
      (had.length > 0
        ? `It had: ${had.join(", ")}. To take one of them all the same: --tag`
        : "There is none to go back to."),
  );
}
