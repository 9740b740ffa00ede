/**
 * A version's whole way: registry → watch-registry → ci on dev → a commit → promote → prod; and that of one that is faulty. Dev
 * and prod are nodes that follow one git server, and are known by their kubeconfigs only.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { type Directory, dag, type Service } from "@dagger.io/dagger";
import { openSampleRegistry } from "./app.js";
import type { AwsSession } from "./aws.js";
import { collector, type Note } from "./cases.js";
import { ci } from "./ci.js";
import { type Delivery, publishTag, repositoryOf } from "./delivery.js";
import { targetOf } from "./deployment.js";
import { environment } from "./environments.js";
import { tagAfter } from "./evidence.js";
import { uncached } from "./exec.js";
import type { GitRemote } from "./git.js";
import { historyOf } from "./gitHistory.js";
import { gitServerContainer, startedGitServer } from "./gitServer.js";
import { images } from "./images.js";
import { startPlatform, type ThrowawayPlatform } from "./platform.js";
import { promote } from "./promote.js";
import type { AppRegistry } from "./registry.js";
import { imageRepository } from "./releaseFile.js";
import { toMarkdown } from "./report.js";
import { rollback } from "./rollback.js";
import { inSimulatedAccount, makeStateBackend, networkOf } from "./simulatedAccount.js";
import { switches } from "./switches.js";
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
    const startGit = async () => ({ ...guard.git, stop: async () => undefined });
    const first = await startPlatform({ source, environment: dev, registry, startGit, log });
    try {
      await onDev({ source, repository, registry, platform: first, protect: guard.protect, note });
    } finally {
      await first.stop();
    }
    const second = await startPlatform({ source, environment: prod, registry, startGit, log });
    try {
      await onProd({ source, registry, platform: second, note });
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
  readonly note: Note;
}

async function onProd(on: OnProd): Promise<void> {
  await inSimulatedAccount(async (session) => {
    await makeStateBackend(session);
    await promotions(on, session);
  });
}

/** With Terraform in a simulated account, which has nothing of prod's network at first. */
async function promotions({ source, registry, platform, note }: OnProd, session: AwsSession): Promise<void> {
  const { remote } = platform.git;
  const kubeconfig = dag.setSecret(`prod-kubeconfig-${randomUUID()}`, platform.kubeconfig);
  const delivery: Delivery = { remote, run: "run 4" };
  const aws = async () => session;
  const { vars, varFile } = networkOf(source, session, prod.name, log);
  const options = { source, environment: prod, kubeconfig, aws, delivery, registry, terraform: { vars, varFile }, log };
  const to = (more: { dryRun?: boolean; tag?: string } = {}) =>
    promote({ ...options, dryRun: false, ...more }).then(toMarkdown);
  await note("shown", () => to({ dryRun: true }));
  await note("another tag", () => to({ tag: "v0.4.0" }));
  await note("promoted", () => to());
  await note("promoted again", () => to());
  const cluster = () => targetOf(kubeconfig, prod);
  await note("rolled back", () => rollback({ source, environment: prod, delivery, cluster, log }).then(toMarkdown));
  await note("files at the end", () => files(remote));
  await note("not proved", () => to());
}

/** Two good versions only, and an analysis for prod that is as short as dev's. */
async function prepared(tree: Directory): Promise<Directory> {
  const file = await tree.file(prod.releaseFile).contents();
  const quick = file
    .replace(/^( {6}interval:) 30s$/m, "$1 10s")
    .replace(/^( {6}iterations:) 5$/m, "$1 1")
    .replace(/^( {8}interval:) 1m$/m, "$1 20s");
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

/** The tags of the release files, and how many commits changed them. */
async function files(remote: GitRemote): Promise<Record<string, string>> {
  const found = [dev, prod].map(async ({ name, releaseFile }) => {
    const { commits } = await historyOf(remote, releaseFile);
    const tag = commits[0] && tagAfter(commits[0], releaseFile);
    return [name, `${tag} after ${commits.length} commits`] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

/** Refuses pushes, as a protected branch does: while the file is there those that change clusters/prod, or all to main. */
const HOOK = `#!/bin/sh
while read -r old new ref; do
  [ "$ref" = refs/heads/main ] || continue
  [ ! -e /switch/main ] || { echo "GH006: Protected branch update failed for $ref." >&2; exit 1; }
  [ -e /switch/prod ] || continue
  if git diff --name-only "$old" "$new" | grep -q ^clusters/prod/; then
    echo "GH006: Protected branch update failed for $ref." >&2
    exit 1
  fi
done
`;

/** A git server that can be told to protect its branch. */
async function guarded(source: Directory) {
  const at = await repositoryOf(source, dev);
  const { mounted, set } = switches();
  const password = dag.setSecret(`git-password-${randomUUID()}`, randomBytes(24).toString("base64url"));
  const hook = `/srv/git${new URL(at.url).pathname.replace(/\/$/, "")}.git/hooks/pre-receive`;
  const service = mounted(gitServerContainer(source, { ...at, password }))
    .withNewFile(hook, HOOK, { permissions: 0o755 })
    .asService({ args: ["node", "/git/server.mjs"] });
  const git = await startedGitServer(service, { ...at, password });
  return {
    git,
    protect: (on: boolean) => set("prod", on),
    protectAll: () => set("main", true),
  };
}

/** What becomes of commits to release files, without a cluster. */
export async function commitCases(source: Directory): Promise<Results> {
  const { git, protectAll } = await guarded(source);
  const { remote } = git;
  const { results, note } = collector();
  const delivery: Delivery = { remote, run: "run 1", author: "Somebody <somebody@example.com>" };
  const digest = `sha256:${"a".repeat(64)}`;
  const bump = (tag: string, more: Partial<Delivery> = {}, env = prod) =>
    publishTag({ ...delivery, ...more }, env, { tag, passed: "dev", digest }, log);
  const back = (tag?: string) => rollback({ source, environment: prod, delivery, tag, log }).then(toMarkdown);
  try {
    await note("first", async () => (await bump("v0.2.0")).changed);
    await note("again", async () => (await bump("v0.2.0")).changed);
    await note("racing", async () => {
      const outcomes = await Promise.all([
        ...[1, 2, 3].map(() => bump("v0.3.0")),
        bump("v0.3.0", {}, dev),
        bump("v0.3.0", {}, dev),
      ]);
      // Two clients that make the same change on the same parent in the same second make one and the same commit.
      return new Set(outcomes.filter(({ changed }) => changed).map(({ sha }) => sha)).size;
    });
    await note("after the race", () => files(remote));
    await note("back", back);
    await note("further back", back);
    await note("no further", back);
    await note("forward", () => back("v0.3.0"));
    await note("never had", () => back("v0.7.0"));
    const revoked = { ...remote, password: dag.setSecret(`revoked-${randomUUID()}`, "revoked-token-1234") };
    await note("revoked", () => bump("v0.4.0", { remote: revoked }));
    await note("author", () => bump("v0.4.0", { author: "nobody" }));
    await protectAll();
    await note("protected", () => bump("v0.4.0"));
    await note("pull request", () => bump("v0.4.0", { pullRequest: true }));
    await note("pull request again", () => bump("v0.4.0", { pullRequest: true }));
    await note("its branch", () => files({ ...remote, branch: "release/prod-v0.4.0" }));
    await note("main", () => files(remote));
  } finally {
    await git.stop();
  }
  await note("gone", () => bump("v0.4.0", { remote: { ...remote, service: undefined } }));
  return results;
}
