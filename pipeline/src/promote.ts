import type { Directory, File, Secret } from "@dagger.io/dagger";
import compare from "semver/functions/compare.js";
import valid from "semver/functions/valid.js";
import { sampleRegistry } from "./app.js";
import type { AwsSession } from "./aws.js";
import { type Delivery, followedBy, PIPELINE_AUTHOR, publishTag, trunkOf } from "./delivery.js";
import { type Target, targetOf } from "./deployment.js";
import { endToEnd, underLoad } from "./endToEnd.js";
import { CHART, type EnvironmentEntry } from "./environments.js";
import { releaseMessage } from "./evidence.js";
import { shortRevision } from "./fluxObjects.js";
import type { GitRemote } from "./git.js";
import { GitError } from "./gitErrors.js";
import { type BranchAhead, commitsAhead, mergeTo } from "./gitMerge.js";
import { bringOut, drawnOut, followsGit, refuseSuspended, releaseTimeout, waitForTag } from "./gitopsRelease.js";
import { type Cluster, warmUp } from "./kubernetes.js";
import type { PlanJson } from "./planJson.js";
import { lossesOf } from "./planSummary.js";
import { startPlatform } from "./platform.js";
import { isGated, type Promotion, proofOf } from "./promotionProof.js";
import { type AppRegistry, requireTag } from "./registry.js";
import { lookAtRelease } from "./releaseChain.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import { cell, formatSeconds, markdownTable, type Report } from "./report.js";
import { servingTag } from "./status.js";
import { type Log, type NamedWork, type Run, runSteps, withAdvice } from "./steps.js";
import { applyPlan } from "./terraformApply.js";
import { doesNothing, type MadePlan, makePlan } from "./terraformPlan.js";
import { readYaml } from "./yamlFile.js";

/** What `promote` runs with. */
export interface PromoteOptions {
  readonly source: Directory;
  /** As `promotionTarget` gives it. */
  readonly environment: EnvironmentEntry;
  /** On prod the tag that git must have; on `local` the one to try. */
  readonly tag?: string;
  /** The commit of the trunk to promote; its newest one when not given. */
  readonly commit?: string;
  readonly kubeconfig?: Secret;
  /** Opens the AWS session: for the cluster where there is no kubeconfig, and for Terraform. */
  readonly aws?: () => Promise<AwsSession>;
  /** The repository, with the branch that versions are committed to. */
  readonly delivery?: Delivery;
  readonly registry?: AppRegistry;
  readonly terraform: { readonly vars: readonly string[]; readonly varFile?: File; readonly ghcrToken?: Secret };
  /** Only shows what would be done. */
  readonly dryRun: boolean;
  /** The most that each wait on the cluster may take, in seconds; each has its own when not given. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

/**
 * Brings the tag of prod's release file in git out: proof that it passed on dev → what prod would get → Terraform → a merge into
 * the branch that prod follows → Flux and Flagger have it out → end to end.
 *
 * @throws StepFailure with the cause, what state prod is in, and the call to go back
 */
export async function promote(options: PromoteOptions): Promise<Report> {
  warmUp();
  if (options.environment.name === "local") return await promoteLocally(options);
  const { environment: entry, delivery, aws, dryRun, log } = options;
  if (!delivery)
    throw new Error(
      `promote reads from git what ${entry.name} is to get, and whether it passed on dev: give --git-token, with write access to the repository's contents (--dry-run only reads them).`,
    );
  const planned = ["proof", ["cluster", ...(aws ? ["terraform plan"] : [])]];
  const acting = [...(aws ? ["terraform apply"] : []), "merge", "release", "end to end"];
  const title = `promote ${entry.name}${dryRun ? ", shown only" : ""}`;
  const followed = await followedBy(options.source, entry, delivery.remote);
  const { report } = await runSteps({ title, plan: [...planned, ...(dryRun ? [] : acting)], log }, (run) =>
    promoteTo(run, { ...options, delivery, followed }),
  );
  return report;
}

type ByGit = PromoteOptions & {
  readonly delivery: Delivery;
  /** The same repository, with the branch that the environment follows. */
  readonly followed: GitRemote;
};

async function promoteTo(run: Run, asked: ByGit): Promise<void> {
  const { aws, delivery, dryRun } = asked;
  const question = { ...asked, trunk: delivery.remote, pushes: !dryRun };
  const proof = await run.step("proof", (note) => proofOf(question, note));
  // What is shown and planned is what is merged, whatever the caller's working tree has.
  const options = { ...asked, source: proof.source };
  const clusterStep: NamedWork<Standing> = { name: "cluster", run: (note) => look(options, note) };
  const planStep: NamedWork<MadePlan>[] = aws ? [{ name: "terraform plan", run: () => planOf(options, aws) }] : [];
  const [standing, plan] = await run.parallel<[Standing, ...MadePlan[]]>([clusterStep, ...planStep]);
  run.attach(await whatProdGets(options, proof, standing));
  if (plan) run.attach(plan.summary);
  const refusal = plan && refusalOf(plan.json, options.environment);
  if (dryRun && refusal) run.attach(`### This plan is refused\n\n${refusal}\n`);
  if (dryRun) return;
  if (aws) {
    await run.step("terraform apply", (note) =>
      withAdvice(
        async () => {
          if (refusal) throw new Error(refusal);
          note(await applied(options, aws, plan));
        },
        () => beforeTheMerge(options),
      ),
    );
  }
  const { api } = standing.target;
  const commit = await merged(run, options, proof);
  await bring(run, options, { api, tag: proof.tag, commit });
}

// --- what prod has ----------------------------------------------------------------------------------------------------

interface Standing {
  readonly target: Target;
  readonly tag: string | undefined;
  readonly chart: string | undefined;
  readonly commit: string;
}

async function look(options: ByGit, note: (detail: string) => void): Promise<Standing> {
  const { environment: entry, kubeconfig, aws, followed } = options;
  const target = await targetOf(kubeconfig, entry, aws);
  if (!(await followsGit(target.api, entry, followed)))
    throw new Error(
      `There is no Flux in ${entry.name} that follows git (GitRepository flux-system/flux-system): the tag would not arrive. Nothing was changed. ` +
        `Next: dagger call plan --env ${entry.name}, which shows what Terraform would install.`,
    );
  const { objects } = await lookAtRelease(target.api, entry);
  refuseSuspended(objects, entry);
  const tag = servingTag(objects);
  note(tag ? `serves ${tag}` : "serves nothing yet");
  return {
    target,
    tag,
    chart: objects.release?.status?.history?.[0]?.chartVersion,
    commit: shortRevision(objects.source?.status?.artifact?.revision),
  };
}

async function whatProdGets(
  { source, environment, followed }: ByGit,
  proof: Promotion,
  now: Standing,
): Promise<string> {
  const chart = (await readYaml(source, `${CHART}/Chart.yaml`)) as { version?: string };
  const rows = [
    ["tag", now.tag ?? "none", `${proof.tag}${isOlder(proof.tag, now.tag) ? " (OLDER than what runs)" : ""}`],
    ["image", "", `${proof.digest.slice(0, 19)}…, as it passed on dev`],
    ["chart", now.chart ?? "none", chart.version ?? "?"],
    ["commit", now.commit, proof.head.slice(0, 7)],
  ];
  const table = markdownTable(
    ["", "now", "in git"],
    rows.map((row) => row.map(cell)),
  );
  return [`### What ${environment.name} gets`, "", ...table, "", ...commitList(proof.ahead, followed.branch)].join(
    "\n",
  );
}

const isOlder = (tag: string, than: string | undefined) =>
  Boolean(valid(tag) && valid(than) && compare(tag, than ?? "") < 0);

/** How many commits are shown: enough for a person to see what is in it. */
const SHOWN_COMMITS = 20;

function commitList({ head, commits }: BranchAhead, branch: string): string[] {
  if (!head) return [`The branch ${branch} is not there yet: it begins with this commit.`, ""];
  if (commits.length === 0) return [`${branch} has all commits already.`, ""];
  const shown = commits.slice(0, SHOWN_COMMITS).map(({ sha, subject }) => `- \`${sha.slice(0, 7)}\` ${subject}`);
  const more = commits.length - shown.length;
  return [
    `${commits.length === 1 ? "One commit" : `${commits.length} commits`} since ${head.slice(0, 7)} of ${branch}:`,
    "",
    ...shown,
    ...(more > 0 ? [`- and ${more} more`] : []),
    "",
  ];
}

/** What a failure means that came first: a rollback would take back what serves, and serves well. */
function beforeTheMerge({ environment: entry, delivery, followed }: ByGit): string {
  if (entry.name === "local") return ""; // it is gone with the run
  const git = isGated({ trunk: delivery.remote, followed })
    ? `Nothing was merged: ${entry.name} goes on with what ${followed.branch} has.`
    : `git is as it was.`;
  return `${git} Once the cause is mended, call promote again; there is nothing to roll back. How it stands: dagger call status --env ${entry.name}`;
}

const isSilence = (error: unknown) => error instanceof GitError && error.problem === "unreachable";

/** The server may have taken a merge that it did not answer. */
const afterSilence = ({ environment: { name }, followed: { branch } }: ByGit) =>
  `Whether the merge has arrived only the branch ${branch} tells. Once git answers, call promote again: it goes on with what is there. ` +
  `How ${name} stands: dagger call status --env ${name}`;

/** How an environment stands after a failure, and the calls that show more and go back. */
async function stateOf({ environment: entry }: PromoteOptions, api: Cluster, tag: string): Promise<string> {
  if (entry.name === "local") return ""; // it is gone with the run
  const calls =
    `How it stands: dagger call status --env ${entry.name}. ` +
    `Back to the tag before: dagger call rollback --env ${entry.name} --git-token …`;
  try {
    const serves = servingTag((await lookAtRelease(api, entry)).objects);
    return `${entry.name} serves ${serves ?? "nothing"}, and git says ${tag}. ${calls}`;
  } catch {
    return `git says ${tag}, and the cluster of ${entry.name} does not tell what it serves. ${calls}`;
  }
}

// --- Terraform --------------------------------------------------------------------------------------------------------

async function planOf({ source, environment, terraform, log }: PromoteOptions, aws: () => Promise<AwsSession>) {
  return await makePlan({ ...terraform, source, environment, session: await aws(), log });
}

/** Why a plan is not applied; nothing where it is. Reviewers have seen an earlier one, and agreed to no loss that came after it. */
function refusalOf(plan: PlanJson, { name }: EnvironmentEntry): string | undefined {
  const losses = lossesOf(plan);
  if (losses.length === 0) return undefined;
  return [
    `Terraform's plan of ${name} would lose something, and promote applies no such plan. Nothing was changed.`,
    "",
    ...losses,
    "",
    "Where it is meant, apply it on purpose, from the same commit and with the same --vars, and promote again:",
    "",
    `    dagger call plan --env ${name} export --path plan    # and read plan/summary.md`,
    `    dagger call apply --env ${name} --plan plan`,
  ].join("\n");
}

async function applied(
  { source, environment, terraform, log }: PromoteOptions,
  aws: () => Promise<AwsSession>,
  plan: MadePlan | undefined,
): Promise<string> {
  if (!plan || doesNothing(plan)) return "no changes";
  const text = await applyPlan({ ...terraform, source, environment, log }, plan.folder, aws);
  return text.split("\n").at(-2) ?? "applied";
}

// --- the merge --------------------------------------------------------------------------------------------------------

type Mergeable = Pick<Promotion, "tag" | "digest" | "head" | "ahead">;

/** Lets the environment's branch have the commit; one that follows the trunk itself has it. Returns the one that Flux is to bring out. */
async function merged(run: Run, options: ByGit, proof: Mergeable): Promise<string> {
  const { environment: entry, delivery, followed, log } = options;
  const { remote, author = PIPELINE_AUTHOR, run: runId } = delivery;
  const { tag, digest, head, ahead } = proof;
  const { branch: target } = followed;
  const message = releaseMessage({
    ...{ file: entry.releaseFile, tag, digest, passed: "dev", promotedTo: entry.name },
    ...(runId && { run: runId }),
  });
  return await run.step("merge", async (note) => {
    if (!isGated({ trunk: remote, followed })) {
      note(`none: ${entry.name} follows ${target} itself`);
      return head;
    }
    const merge = { target, commit: head, from: ahead.head, author, message, log };
    const { sha, changed } = await withAdvice(
      () => mergeTo(remote, merge),
      (error) => (isSilence(error) ? afterSilence(options) : beforeTheMerge(options)),
    );
    const what = changed ? `${remote.branch} ${head.slice(0, 7)} → ${target}, by` : `${target} has it already, in`;
    note(`${what} ${sha.slice(0, 7)}`);
    return sha;
  });
}

// --- the release ------------------------------------------------------------------------------------------------------

interface Bringing {
  readonly api: Cluster;
  readonly tag: string;
  readonly commit: string;
}

async function bring(run: Run, options: ByGit, { api, tag, commit }: Bringing): Promise<void> {
  const { source, environment: entry, delivery, followed, log } = options;
  const timeoutSeconds = await releaseTimeout(source, entry, options.timeoutSeconds);
  const gitops = { ...delivery, remote: followed, api, environment: entry, timeoutSeconds, log };
  const state = () => stateOf(options, api, tag);
  await run.step("release", async (note) => {
    const { value: out, summary } = await withAdvice(
      () =>
        underLoad(api, entry, log, () => drawnOut(run, `${entry.name}: ${tag}`, () => bringOut(gitops, tag, commit))),
      state,
    );
    note(`${tag} is out after ${formatSeconds(out.seconds)}; ${summary}`);
  });
  await run.step("end to end", async (note) => note(await withAdvice(() => endToEnd(api, entry, tag, log), state)));
}

/** The same release on a node of this run, which follows prod's folder on a git server of this run. */
async function promoteLocally(options: PromoteOptions): Promise<Report> {
  const { source, environment: entry, dryRun, log } = options;
  if (dryRun) throw new Error("--dry-run shows what prod would get; on local there is nothing to show.");
  if (options.kubeconfig)
    throw new Error("promote --env local tries a promotion on a platform of its own: leave --kubeconfig out.");
  const [released, repository] = await Promise.all([releasedTag(source, entry), imageRepository(source, entry)]);
  const tag = options.tag ?? released;
  const plan = [["cluster", "image"], `install ${released}`, "merge", "release", "end to end"];
  const { report } = await runSteps({ title: `promote ${entry.name} ${tag}`, plan, log }, async (run) => {
    const registry = options.registry ?? (await sampleRegistry(source, repository, [released]));
    const [platform, digest] = await run.parallel([
      {
        name: "cluster",
        run: () => startPlatform({ source, environment: entry, registry, timeoutSeconds: options.timeoutSeconds, log }),
      },
      { name: "image", run: () => requireTag(registry, repository, tag) },
    ]);
    try {
      const { api } = platform;
      const followed = platform.git.remote;
      const trunk = { ...followed, branch: (await trunkOf(source)).branch };
      const delivery = { ...options.delivery, remote: trunk };
      await run.step(`install ${released}`, async (note) => {
        const timeoutSeconds = await releaseTimeout(source, entry, options.timeoutSeconds);
        const { seconds } = await waitForTag(
          { remote: followed, api, environment: entry, timeoutSeconds, log },
          released,
        );
        note(`by Flux, ${formatSeconds(seconds)} after it was ready`);
      });
      const { sha: head } = await publishTag(delivery, entry, { tag, digest }, log);
      const ahead = await commitsAhead(trunk, { target: followed.branch, commit: head, pushes: false });
      const local = { ...options, delivery, followed };
      const commit = await merged(run, local, { tag, digest, head, ahead });
      await bring(run, local, { api, tag, commit });
    } finally {
      await platform.stop();
    }
  });
  return report;
}
