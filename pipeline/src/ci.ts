import type { Changeset, Directory, Secret } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import type { AwsSession } from "./aws.js";
import { bump } from "./bump.js";
import { CHECKS, checks } from "./check.js";
import { onCluster } from "./cluster.js";
import { ClusterError } from "./clusterErrors.js";
import { type Delivery, type Published, publishTag } from "./delivery.js";
import { deploy, prepareNamespace, type Target, targetOf } from "./deployment.js";
import { endToEnd, underLoad } from "./endToEnd.js";
import { type EnvironmentEntry, type EnvironmentName, environment } from "./environments.js";
import { type Clone, cloneAhead, type TagCommit } from "./git.js";
import {
  bringOut,
  drawnOut,
  followsGit,
  type GitopsTarget,
  refuseSuspended,
  releaseTimeout,
  servedTag,
  takeBack,
  waitForTag,
} from "./gitopsRelease.js";
import { type Cluster, warmUp } from "./kubernetes.js";
import { startPlatform, type ThrowawayPlatform } from "./platform.js";
import { recordProof } from "./promotionProof.js";
import { type AppRegistry, isSameImage, requireTag } from "./registry.js";
import { lookAtRelease } from "./releaseChain.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import { formatSeconds, type Report } from "./report.js";
import { pollUntil } from "./rollout.js";
import { requireServedImage } from "./servedImage.js";
import { type Log, type Run, realClock, runSteps, withAdvice } from "./steps.js";

/** What `ci` runs with. */
export interface CiOptions {
  readonly source: Directory;
  readonly environment: EnvironmentEntry;
  readonly tag: string;
  /** Where the cluster is; without one `local` starts a platform of its own. */
  readonly kubeconfig?: Secret;
  /** Opens the AWS session in which the cluster is looked up when there is no kubeconfig. */
  readonly aws?: () => Promise<AwsSession>;
  /** The repository that Flux follows. A platform of this run has one of its own. */
  readonly delivery?: Delivery;
  /** Where the image is; on a node of its own a run serves the sample application unless one is given. */
  readonly registry?: AppRegistry;
  /** The most that each wait on the cluster may take, in seconds; each has its own when not given. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

/** A run that passed: the report, and the change that brings the tag to prod. */
export interface CiResult {
  readonly report: Report;
  readonly changes: Changeset;
  /** Where that change is, when it was made in the repository that Flux follows. */
  readonly published?: Published;
}

/**
 * check → cluster → deploy the released tag (local) → upgrade to the tag under load → end to end → bump prod's release file.
 * What boots a node of its own checks while Flux installs the released tag on it, which waits more than it works.
 *
 * Where Flux follows git, a tag is a commit to the environment's release file, and one that fails is taken back by another;
 * prod's bump is a commit too. `local` does so on a platform and a git server of its own, and leaves the working tree alone. A
 * cluster without Flux is deployed to by Helm.
 *
 * @throws StepFailure with every cause and the table; prod's release file is unchanged then
 */
export async function ci(options: CiOptions): Promise<CiResult> {
  refuseToken(options);
  warmUp();
  const { source, tag, log } = options;
  const isLocal = options.environment.name === "local";
  const ownNode = bootsNode(options);
  const [released, repository] = await Promise.all([
    releasedTag(source, options.environment),
    imageRepository(source, options.environment),
  ]);
  const begin = ownNode
    ? [
        ["cluster", "image"],
        [...CHECKS, `install ${released}`],
      ]
    : [[...CHECKS, "cluster", "image"], ...(isLocal ? [`install ${released}`] : [])];
  const plan = [...begin, `deploy ${tag}`, "end to end", "bump prod"];
  const title = `ci ${options.environment.name} ${tag}`;
  const { value, report } = await runSteps({ title, plan, log }, async (run) => {
    const registry = options.registry ?? (ownNode ? await sampleRegistry(source, repository, [released]) : undefined);
    const [cluster, digest] = await run.parallel<[Open, string | undefined, ...unknown[]]>([
      { name: "cluster", run: (note) => open(options, registry, note) },
      { name: "image", run: (note) => findImage(options, registry, repository, note) },
      ...(ownNode ? [] : checks(source)),
    ]);
    try {
      return await onCluster(run, cluster, () => release(run, { ...options, registry, released, digest }, cluster));
    } finally {
      await cluster.stop();
    }
  });
  return { report, ...value };
}

/** @throws Error when commits would be made for an environment whose runs are no way to prod */
function refuseToken({ environment: { name }, kubeconfig, delivery }: CiOptions): void {
  if (!delivery) return;
  if (name === "prod")
    throw new Error("prod gets a tag by `ci --env dev` and `promote`: --git-token does not go with --env prod.");
  if (name === "local" && kubeconfig)
    throw new Error(
      "What passes on a cluster of your own is no proof for prod: --git-token does not go with --env local and a --kubeconfig. " +
        "Leave --git-token out; or, for a cluster that Flux runs from git, use --env dev.",
    );
}

/** Whether the run has a node of its own. */
const bootsNode = ({ environment, kubeconfig }: Pick<CiOptions, "environment" | "kubeconfig">) =>
  environment.name === "local" && !kubeconfig;

type Open = Target & {
  /** Where a tag is a commit. */
  readonly delivery?: Delivery;
  readonly byFlux: boolean;
  readonly platform?: ThrowawayPlatform;
  lastWords(): Promise<string>;
  stop(): Promise<void>;
};

/** How a tag comes to an environment that Flux runs. */
const WAY: Readonly<Record<EnvironmentName, string>> = {
  local: "use --env dev, with --git-token",
  dev: `give --git-token, with which the tag is committed to ${environment("dev").releaseFile}`,
  prod: "a tag comes to prod by `ci --env dev` and `promote`",
};

/** The environment's cluster; what is only looked at needs no stop. */
async function open(
  { source, environment: entry, kubeconfig, aws, delivery, timeoutSeconds, log }: CiOptions,
  registry: AppRegistry | undefined,
  note: (detail: string) => void,
): Promise<Open> {
  if (bootsNode({ environment: entry, kubeconfig })) {
    const platform = await startPlatform({ source, environment: entry, registry, timeoutSeconds, log });
    note("Flux is ready");
    const { remote } = platform.git;
    return { ...platform, platform, byFlux: true, delivery: { ...delivery, remote, clone: cloneAhead(remote) } };
  }
  const target = await targetOf(kubeconfig, entry, aws);
  const byFlux = await followsGit(target.api, entry, delivery?.remote);
  if (byFlux && !delivery) {
    throw new Error(
      `Flux runs ${entry.name} from git, and would undo what Helm does: ${WAY[entry.name]}. Nothing was changed.`,
    );
  }
  if (byFlux) refuseSuspended((await lookAtRelease(target.api, entry)).objects, entry);
  note(byFlux ? "Flux follows git" : "no Flux: Helm deploys");
  const ahead = delivery && { ...delivery, clone: cloneAhead(delivery.remote) };
  return { ...target, byFlux, delivery: ahead, lastWords: async () => "", stop: async () => undefined };
}

/** The image's digest: what is tested is what promotion must find again. */
async function findImage(
  { tag, delivery }: CiOptions,
  registry: AppRegistry | undefined,
  repository: string,
  note: (detail: string) => void,
): Promise<string | undefined> {
  const asked = registry ?? (delivery && hostOf(repository));
  if (!asked) return void note("not looked up: no --registry-password was given");
  const digest = await requireTag(asked, repository, tag);
  note(`${tag} is ${digest.slice(0, 19)}…`);
  return digest;
}

/** An image's registry, asked without a log-in. */
const hostOf = (repository: string): AppRegistry => ({ host: repository.split("/")[0] ?? "" });

/** On a node of the run the released tag is installed: a run with that tag has no other one to begin with. */
const TRIED_NOTHING = ", which is the released tag: nothing was upgraded (another --tag tries that),";

type Release = CiOptions & { readonly released: string; readonly digest?: string };

async function release(run: Run, options: Release, target: Open): Promise<Omit<CiResult, "report">> {
  let { delivery } = target;
  if (target.byFlux && delivery) {
    const clone = await releaseByFlux(run, options, target, delivery);
    delivery = { ...delivery, clone: Promise.resolve(clone) };
  } else {
    await deployWithHelm(run, options, target);
    await testEndToEnd(run, options, target);
  }
  return await run.step("bump prod", async (note) => await bumpProd(options, { ...target, delivery }, note));
}

async function testEndToEnd(run: Run, { environment: entry, tag, log }: CiOptions, { api }: Target): Promise<void> {
  await run.step("end to end", async (note) => note(await endToEnd(api, entry, tag, log)));
}

/**
 * Flux has installed the released tag on its own; the new one is a commit, and so is the way back.
 *
 * @returns the branch with that commit
 */
async function releaseByFlux(run: Run, options: Release, target: Open, delivery: Delivery): Promise<Clone | undefined> {
  const { source, environment: entry, tag, released, digest, log } = options;
  const { api, platform } = target;
  const timeoutSeconds = await releaseTimeout(source, entry, options.timeoutSeconds);
  const gitops: GitopsTarget = { ...delivery, api, environment: entry, timeoutSeconds, log };
  if (platform) {
    const install = async (note: (detail: string) => void) => {
      const { seconds } = await waitForTag(gitops, released);
      note(`by Flux, ${formatSeconds(seconds)} after it was ready`);
    };
    await run.parallel([{ name: `install ${released}`, run: install }, ...checks(source)]);
  }
  const made: { commit?: TagCommit; serving?: string } = {};
  const bring = async () => {
    if (!platform) made.serving = await servedTag(gitops);
    // The cluster waits for this commit: a pull request can't stand for it.
    const commit = await publishTag({ ...delivery, pullRequest: false }, entry, { tag, digest }, log);
    made.commit = commit;
    const out = await drawnOut(run, `${entry.name}: ${tag}`, () => bringOut(gitops, tag, commit.sha));
    const there = commit.changed ? "" : platform ? TRIED_NOTHING : ", which was there already,";
    return `${commit.sha.slice(0, 7)}${there} is out after ${formatSeconds(out.seconds)}`;
  };
  const more = () => (platform ? "" : `More on how it stands: dagger call status --env ${entry.name}`);
  try {
    await run.step(`deploy ${tag}`, async (note) => {
      const { value, summary } = await withAdvice(() => underLoad(api, entry, log, bring), more);
      note(`${value}; ${summary}`);
    });
    await testEndToEnd(run, options, target);
    return made.commit?.clone;
  } catch (error) {
    // A cluster of the run ends with it: nobody waits there for the tag before.
    const failed = !platform && made.commit && { tag, commit: made.commit, serving: made.serving };
    // When that fails too, the report has both causes.
    if (failed)
      await run.step(`take ${tag} back`, async (note) => note(await takeBack(gitops, failed))).catch(() => undefined);
    throw error;
  }
}

/** The tag passed: prod's release file gets it, with the proof; the caller's working tree is theirs to change. */
async function bumpProd(
  options: Release,
  { api, delivery, platform }: Open,
  note: (detail: string) => void,
): Promise<Omit<CiResult, "report">> {
  const { source, environment: entry, tag, digest, log } = options;
  const prod = environment("prod");
  if (digest) await requireServed(options, api, digest);
  const changes = await bump(source, prod, tag);
  const proposed = (await changes.isEmpty())
    ? `${prod.releaseFile} has ${tag} already`
    : `${prod.releaseFile} → ${tag}, not applied`;
  if (!delivery) {
    note(proposed);
    return { changes };
  }
  const proof = { tag, passed: entry.name, digest };
  const set = await withAdvice(
    () => publishTag(delivery, prod, proof, log),
    () => (platform ? "" : resumeAdvice(entry, { tag, digest, run: delivery.run })),
  );
  const hadIt = !set.changed && !set.pullRequest;
  const published = (hadIt && (await recordProof(delivery, prod, proof, log))) || set;
  note(platform ? `${proposed}; ${published.sha.slice(0, 7)} on the run's git server` : describe(published, tag));
  return platform ? { changes } : { changes, published };
}

/** An API server that does not answer at this last look must not cost the whole run. */
async function requireServed(
  { source, environment: entry, tag, registry, delivery, log }: Release,
  api: Cluster,
  digest: string,
): Promise<void> {
  const repository = await imageRepository(source, entry);
  const asked = registry ?? hostOf(repository);
  const isSame = (other: string) => isSameImage(asked, repository, [other, digest]);
  const look = async () => {
    await requireServedImage(api, { environment: entry, tag, digest, isSame });
    return true;
  };
  const never = { isLate: () => false, timeout: () => new Error("never") };
  await withAdvice(
    () => pollUntil(look, { clock: realClock, say: log, ...never }),
    (error) =>
      error instanceof ClusterError && delivery ? resumeAdvice(entry, { tag, digest, run: delivery.run }) : "",
  );
}

function describe({ sha, changed, before, pullRequest }: Published, tag: string): string {
  const { releaseFile } = environment("prod");
  if (pullRequest) return `${releaseFile} → ${tag} by ${pullRequest}`;
  if (changed && before !== tag) return `${releaseFile} → ${tag} by ${sha.slice(0, 7)}`;
  return `${releaseFile} has ${tag} already${changed ? `; the proof by ${sha.slice(0, 7)}` : ""}`;
}

/** How things stand when all has passed but the last push. */
function resumeAdvice({ name }: EnvironmentEntry, of: { tag: string; digest?: string; run?: string }): string {
  const { tag, digest, run } = of;
  const proof = digest
    ? ` --passed-on ${name} --image-digest ${digest}${run ? ` --run-id ${JSON.stringify(run)}` : ""}`
    : "";
  return (
    `${tag} is out in ${name} and has passed; only ${environment("prod").releaseFile} was not changed. To do just that, once git is back: ` +
    `dagger call bump --env prod --tag ${tag}${proof} --git-token …`
  );
}

async function deployWithHelm(run: Run, options: Release, target: Target): Promise<void> {
  const { source, environment: entry, tag, registry, released, timeoutSeconds, log } = options;
  const deployment = { source, environment: entry, target, timeoutSeconds, log };
  if (entry.name === "local") {
    await run.step(`install ${released}`, async () => {
      await prepareNamespace(deployment, registry);
      await deploy({ ...deployment, tag: released });
    });
  }
  await run.step(`deploy ${tag}`, async (note) => {
    if (entry.name !== "local") await prepareNamespace(deployment, registry);
    const { value, summary } = await underLoad(target.api, entry, log, () => deploy({ ...deployment, tag }));
    note(`${value.replicas} replicas; ${summary}`);
  });
}
