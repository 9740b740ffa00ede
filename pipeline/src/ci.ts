import type { Changeset, Directory, Secret } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { bump } from "./bump.js";
import { CHECKS, checks } from "./check.js";
import { startCluster } from "./cluster.js";
import { deploy, prepareNamespace, type Target, targetOf } from "./deployment.js";
import { endToEnd, underLoad } from "./endToEnd.js";
import { type EnvironmentEntry, environment } from "./environments.js";
import { warmUp } from "./kubernetes.js";
import { type AppRegistry, requireTag } from "./registry.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import type { Report } from "./report.js";
import { type Log, type Run, runSteps } from "./steps.js";

/** What `ci` runs with. */
export interface CiOptions {
  readonly source: Directory;
  readonly environment: EnvironmentEntry;
  readonly tag: string;
  /** Where the cluster is; `local` starts one of its own. */
  readonly kubeconfig?: Secret;
  /** Where the image is; `local` serves the sample application unless one is given. */
  readonly registry?: AppRegistry;
  readonly log: Log;
}

/** A run that passed: the report, and the change that brings the tag to prod. */
export interface CiResult {
  readonly report: Report;
  readonly changes: Changeset;
}

/**
 * check → cluster → deploy the released tag (local) → upgrade to the tag under load → end to end → bump prod's release file.
 *
 * @throws StepFailure with every cause and the table; prod's release file is unchanged then
 */
export async function ci(options: CiOptions): Promise<CiResult> {
  warmUp();
  const { source, tag, log } = options;
  const isLocal = options.environment.name === "local";
  const [released, repository] = await Promise.all([
    releasedTag(source, options.environment),
    imageRepository(source, options.environment),
  ]);
  const plan = [
    [...CHECKS, "cluster", "image"],
    ...(isLocal ? [`deploy ${released}`] : []),
    `deploy ${tag}`,
    "end to end",
    "bump prod",
  ];
  const title = `ci ${options.environment.name} ${tag}`;
  const { value, report } = await runSteps({ title, plan, log }, async (run) => {
    const registry = options.registry ?? (isLocal ? await sampleRegistry(source, repository) : undefined);
    const [cluster] = await run.parallel<[Open, ...unknown[]]>([
      { name: "cluster", run: () => open(options, registry) },
      { name: "image", run: async (note) => note(await imageNote(registry, repository, tag)) },
      ...checks(source),
    ]);
    try {
      return await release(run, { ...options, registry, released }, cluster);
    } finally {
      await cluster.stop();
    }
  });
  return { report, changes: value };
}

type Open = Target & { stop(): Promise<void> };

/** The environment's cluster; what is only looked at needs no stop. */
async function open({ environment, kubeconfig, log }: CiOptions, registry: AppRegistry | undefined): Promise<Open> {
  if (environment.name === "local" && !kubeconfig) return await startCluster({ registry, log });
  return { ...(await targetOf(kubeconfig, environment)), stop: async () => undefined };
}

async function imageNote(registry: AppRegistry | undefined, repository: string, tag: string): Promise<string> {
  if (!registry) return "not looked up: no --registry-password was given";
  return `${tag} is ${(await requireTag(registry, repository, tag)).slice(0, 19)}…`;
}

async function release(run: Run, options: CiOptions & { released: string }, target: Target): Promise<Changeset> {
  const { source, environment: entry, tag, registry, released, log } = options;
  const deployment = { source, environment: entry, target, log };
  if (entry.name === "local") {
    await run.step(`deploy ${released}`, async () => {
      await prepareNamespace(deployment, registry);
      await deploy({ ...deployment, tag: released });
    });
  }
  await run.step(`deploy ${tag}`, async (note) => {
    if (entry.name !== "local") await prepareNamespace(deployment, registry);
    const { value, summary } = await underLoad(target.api, entry, () => deploy({ ...deployment, tag }));
    note(`${value.replicas} replicas; ${summary}`);
  });
  await run.step("end to end", async (note) => note(await endToEnd(target.api, entry, tag, log)));
  return await run.step("bump prod", async (note) => {
    const prod = environment("prod");
    const changes = await bump(source, prod, tag);
    note(
      (await changes.isEmpty())
        ? `${prod.releaseFile} has ${tag} already`
        : `${prod.releaseFile} → ${tag}, not applied`,
    );
    return changes;
  });
}
