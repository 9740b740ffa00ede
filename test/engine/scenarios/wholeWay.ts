/**
 * A version's whole way: registry → watch-registry → ci on dev → a commit → promote → prod; and that of one that is faulty. Dev
 * and prod are nodes that follow one git server, and are known by their kubeconfigs only.
 */
import { randomUUID } from "node:crypto";
import { type Directory, dag, type Service } from "@dagger.io/dagger";
import { openSampleRegistry } from "./app.js";
import type { AwsSession } from "./aws.js";
import { collector, type Note } from "./cases.js";
import { ci } from "./ci.js";
import { type Delivery, followedBy } from "./delivery.js";
import { targetOf } from "./deployment.js";
import { environment } from "./environments.js";
import { uncached } from "./exec.js";
import type { GitRemote } from "./git.js";
import { historyOf } from "./gitHistory.js";
import type { startGitServer } from "./gitServer.js";
import { files, guarded } from "./guardedGit.js";
import { images } from "./images.js";
import { startPlatform, type ThrowawayPlatform } from "./platform.js";
import { promote } from "./promote.js";
import type { AppRegistry } from "./registry.js";
import { imageRepository } from "./releaseFile.js";
import { toMarkdown } from "./report.js";
import { rollback } from "./rollback.js";
import { inSimulatedAccount, makeStateBackend, networkOf } from "./simulatedAccount.js";
import { watchRegistry } from "./watchRegistry.js";

const log = (line: string) => console.log(line);
const [dev, prod] = [environment("dev"), environment("prod")];

type Results = Record<string, unknown>;

export async function wholeWay(tree: Directory): Promise<Results> {
  const source = await prepared(tree);
  const repository = await imageRepository(source, dev);
  const registry = await openSampleRegistry(source, repository);
  const { results, note } = collector();
  const guard = await guarded(source);
  try {
    const startGit: typeof startGitServer = async (_, at) => ({
      ...guard.git,
      remote: { ...guard.git.remote, ...at },
      stop: async () => undefined,
    });
    const first = await startPlatform({ source, environment: dev, registry, startGit, log });
    try {
      await onDev({ source, repository, registry, platform: first, protect: guard.protect, note });
    } finally {
      await first.stop();
    }
    const second = await startPlatform({ source, environment: prod, registry, startGit, log });
    try {
      await onProd({ source, registry, platform: second, remote: guard.git.remote, note });
    } finally {
      await second.stop();
    }
  } finally {
    await guard.git.stop();
  }
  return results;
}

interface OnDev {
  readonly source: Directory;
  readonly repository: string;
  readonly registry: AppRegistry;
  readonly platform: ThrowawayPlatform;
  protect(isProtected: boolean): Promise<void>;
  readonly note: Note;
}

async function onDev({ source, repository, registry, platform, protect, note }: OnDev): Promise<void> {
  const { remote } = platform.git;
  const kubeconfig = dag.setSecret(`dev-kubeconfig-${randomUUID()}`, platform.kubeconfig);
  const run = async (tag: string, delivery?: Delivery) => {
    const result = await ci({ source, environment: dev, tag, kubeconfig, registry, delivery, log });
    return { report: toMarkdown(result.report), published: result.published?.sha };
  };
  const watch = () => watchRegistry(source, dev, [], registry, log, remote);
  const named = (number: number): Delivery => ({ remote, run: `run ${number}` });

  await note("nothing new", watch);
  await push(registry, repository, "v0.3.0", {});
  await note("found", watch);
  await note("without a token", () => run("v0.3.0"));
  await note("another repository", () => run("v0.3.0", { remote: { ...remote, url: `${remote.url}-other` } }));
  await note("files before", () => files(remote));
  await protect(true);
  await note("prod's file is protected", () => run("v0.3.0", named(1)));
  await note("files between", () => files(remote));
  await protect(false);
  await note("run again", () => run("v0.3.0", named(2)));
  await note("files after", () => files(remote));
  await push(registry, repository, "v0.3.0", { REPLACED: "yes" });
  await note("replaced under its tag", () => run("v0.3.0", named(2)));
  await push(registry, repository, "v0.3.0", {});
  await note("prod's message", async () => (await historyOf(remote, prod.releaseFile)).commits[0]?.message);

  await push(registry, repository, "v0.4.0", { APP_FAULT: "crash" });
  await note("faulty", () => run("v0.4.0", named(3)));
  await note("files after the faulty one", () => files(remote));
  await note("dev's message", async () => (await historyOf(remote, dev.releaseFile)).commits[0]?.message);
  await note("found again", async () => `"${await watch()}"`);
}

interface OnProd {
  readonly source: Directory;
  readonly registry: AppRegistry;
  readonly platform: ThrowawayPlatform;
  /** The repository, with its trunk. */
  readonly remote: GitRemote;
  readonly note: Note;
}

async function onProd(on: OnProd): Promise<void> {
  await inSimulatedAccount(async (session) => {
    await makeStateBackend(session);
    await promotions(on, session);
  });
}

/** With Terraform in a simulated account, which has nothing of prod's network at first. */
async function promotions({ source, registry, platform, remote, note }: OnProd, session: AwsSession): Promise<void> {
  const kubeconfig = dag.setSecret(`prod-kubeconfig-${randomUUID()}`, platform.kubeconfig);
  const delivery: Delivery = { remote, run: "run 4" };
  const aws = async () => session;
  const { vars, varFile } = networkOf(source, session, prod.name, log);
  const options = { source, environment: prod, kubeconfig, aws, delivery, registry, terraform: { vars, varFile }, log };
  const to = (more: { dryRun?: boolean; tag?: string } = {}) =>
    promote({ ...options, dryRun: false, ...more }).then(toMarkdown);
  const followed = await followedBy(source, prod, remote);
  await note("shown", () => to({ dryRun: true }));
  await note("prod before", () => files(followed));
  await note("another tag", () => to({ tag: "v0.4.0" }));
  await note("promoted", () => to());
  await note("promoted again", () => to());
  const cluster = () => targetOf(kubeconfig, prod);
  const onProd = { ...delivery, remote: followed };
  await note("rolled back", () =>
    rollback({ source, environment: prod, delivery: onProd, cluster, log }).then(toMarkdown),
  );
  await note("files at the end", () => files(remote));
  await note("prod's at the end", () => files(followed));
  await note("taken back", () => to());
}

/** Two good versions only, and an analysis for prod that is as short as dev's. */
async function prepared(tree: Directory): Promise<Directory> {
  const file = await tree.file(prod.releaseFile).contents();
  const quick = file
    .replace(/^( {6}interval:) 30s$/m, "$1 10s")
    .replace(/^( {6}iterations:) 5$/m, "$1 1")
    .replace(/^( {8}interval:) 1m$/m, "$1 20s")
    .replace(/^( {4}serviceMonitor:\n {6}enabled: true)$/m, "$1\n      interval: 3s\n      scrapeTimeout: 2s");
  const versions = Object.fromEntries(["v0.1.0", "v0.2.0"].map((tag) => [tag, { fault: "", about: "good" }]));
  const released = await tree.file(dev.releaseFile).contents();
  return tree
    .withNewFile(prod.releaseFile, quick)
    .withNewFile(dev.releaseFile, released.replace("v0.1.0", "v0.2.0"))
    .withNewFile("test/app/versions.json", JSON.stringify(versions));
}

/** Brings a new version into the registry. */
async function push({ service }: AppRegistry, repository: string, tag: string, env: Record<string, string>) {
  const image = repository.replace(/^[^/]+/, "registry:5000");
  const settings = Object.entries({ ...env, APP_VERSION: tag }).flatMap(([name, value]) => [
    "--env",
    `${name}=${value}`,
  ]);
  const crane = uncached(dag.container().from(images.crane)).withServiceBinding("registry", service as Service);
  await crane
    .withExec(["crane", "mutate", "--insecure", `${image}:v0.2.0`, ...settings, "--tag", `${image}:${tag}`])
    .sync();
}
