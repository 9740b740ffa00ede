/**
 * Flux on a node, from a git server of the run: what it brings out, and what happens to commits that can't be taken, are
 * pushed at the same time, or come while the server is away. And what happens to a release that is disturbed on its way, and
 * to what somebody changes by hand.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { type Directory, dag, type Service } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { collector, type Note, textOf } from "./cases.js";
import { disturbances } from "./disturbances.js";
import { underLoad } from "./endToEnd.js";
import { environment, folderOf } from "./environments.js";
import { exec, uncached } from "./exec.js";
import { requestSync, syncSource } from "./flux.js";
import type { GitRepository } from "./fluxObjects.js";
import { type AwaySwitch, awaySwitch } from "./gate.js";
import { commitFile, commitTag, type GitRemote } from "./git.js";
import { releaseThroughGit, waitForTag } from "./gitopsRelease.js";
import { gitServerContainer, startedGitServer } from "./gitServer.js";
import { images } from "./images.js";
import type { Cluster } from "./kubernetes.js";
import { LOCAL, startPlatform, type ThrowawayPlatform } from "./platform.js";
import { pullLogin } from "./registry.js";
import { waitForRelease } from "./releaseChain.js";
import { imageRepository } from "./releaseFile.js";
import { realClock } from "./steps.js";

const local = environment("local");
const log = (line: string) => console.log(line);
const options = { author: "Test <test@helloworld.invalid>", message: "a change of the test", log };

/**
 * In the order of its life; one line for each case.
 *
 * @param parts which of them: commits, disturbances
 */
export async function gitopsCases(source: Directory, parts: readonly string[]): Promise<Record<string, unknown>> {
  const started = Date.now();
  const sample = await sampleRegistry(source, await imageRepository(source, local));
  const login = await pullLogin(sample);
  if (!login) throw new Error("the sample registry has no log-in");
  const [gitAway, registryAway] = [awaySwitch(), awaySwitch()];
  const registry = { ...sample, service: gated(registryAway, sample.service) };
  const startGit = (tree: Directory, at: { url: string; branch: string }) => startGatedGit(gitAway, tree, at);
  const platform = await startPlatform({
    source: await withOwnKind(await asOfAPrivateOne(source)),
    environment: local,
    registry,
    startGit,
    log,
  });
  const { results, note } = collector();
  results["flux ready"] = (Date.now() - started) / 1000;
  const { api, git } = platform;
  const { remote } = git;
  try {
    await note("installed", async () => (await waitForTag({ api, remote, environment: local, log }, "v0.1.0")).tag);
    await note("of a private repository", () => takenAsPrivate(api));
    await note("a kind of its own", async () => (await api.findObject(certificate))?.metadata?.name);
    if (parts.includes("commits")) await cases(platform, gitAway, note);
    if (parts.includes("disturbances")) await disturbances(platform, { away: registryAway, login }, note);
  } finally {
    await platform.stop();
  }
  return results;
}

const SECRET = "database";

/** The working tree of a private repository, which on EKS gets a Secret by External Secrets. */
async function asOfAPrivateOne(source: Directory): Promise<Directory> {
  const folder = folderOf(local);
  const textOfFile = (name: string) => source.file(`${folder}/${name}`).contents();
  const [followed, list] = await Promise.all([textOfFile("gitrepository.yaml"), textOfFile("kustomization.yaml")]);
  const secret = {
    apiVersion: "external-secrets.io/v1",
    kind: "ExternalSecret",
    metadata: { name: SECRET, namespace: local.namespace },
    spec: {
      secretStoreRef: { kind: "ClusterSecretStore", name: "aws-secrets-manager" },
      data: [{ secretKey: "url", remoteRef: { key: "dev-helloworld/database" } }],
    },
  };
  return source
    .withNewFile(`${folder}/gitrepository.yaml`, `${followed}  secretRef:\n    name: git-credentials\n`)
    .withNewFile(`${folder}/kustomization.yaml`, `${list}  - external.yaml\n`)
    .withNewFile(`${folder}/external.yaml`, JSON.stringify(secret));
}

const certificate = {
  apiVersion: "cert-manager.io/v1",
  kind: "Certificate",
  namespace: local.namespace,
  name: "web",
};

/** The same with an object of a kind that nothing here knows, which clusters/local brings. */
async function withOwnKind(source: Directory): Promise<Directory> {
  const { apiVersion, kind, namespace, name } = certificate;
  const [group = "", version] = apiVersion.split("/");
  const openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `certificates.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural: "certificates", singular: "certificate" },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
  const files = [
    [LOCAL, "certificates.yaml", definition],
    [folderOf(local), "certificate.yaml", { apiVersion, kind, metadata: { name, namespace } }],
  ] as const;
  let tree = source;
  for (const [folder, file, object] of files) {
    const list = await tree.file(`${folder}/kustomization.yaml`).contents();
    tree = tree
      .withNewFile(`${folder}/kustomization.yaml`, list.replace(/^resources:$/m, `resources:\n  - ${file}`))
      .withNewFile(`${folder}/${file}`, JSON.stringify(object));
  }
  return tree;
}

/** What became of its source and of that secret. */
async function takenAsPrivate(api: Cluster) {
  const { namespace } = local;
  const source = { ...syncSource, namespace, name: "helloworld-infrastructure" };
  const { spec, status } = ((await api.findObject(source)) ?? {}) as Partial<GitRepository>;
  const external = { apiVersion: "external-secrets.io/v1", kind: "ExternalSecret", namespace, name: SECRET };
  return {
    secret: spec?.secretRef?.name,
    revision: status?.artifact?.revision,
    external: (await api.findObject(external)) !== undefined,
  };
}

async function cases(platform: ThrowawayPlatform, away: AwaySwitch, note: Note): Promise<void> {
  const { api } = platform;
  const { remote } = platform.git;
  const target = { api, remote, environment: local, log };
  const wrong: GitRemote = { ...remote, password: dag.setSecret(`wrong-${randomUUID()}`, "wrong-password-1234") };
  await note("upgraded", async () => {
    const { value, summary } = await underLoad(api, local, log, () => releaseThroughGit(target, "v0.2.0"));
    return { tag: value.release.tag, changed: value.commit.changed, summary };
  });
  await note("the same tag again", async () => {
    const before = await commits(remote);
    const { commit } = await releaseThroughGit(target, "v0.2.0");
    return {
      changed: commit.changed,
      same: commit.sha === before[0],
      more: (await commits(remote)).length - before.length,
    };
  });
  await note("five clients at once", async () => {
    const before = await commits(remote);
    const numbers = [1, 2, 3, 4, 5];
    const append = (line: string) => (text: string) => `${text}# ${line}\n`;
    await Promise.all(
      numbers.map((number) => commitFile(remote, "clusters/dev/namespace.yaml", append(`client ${number}`), options)),
    );
    const after = await commits(remote);
    const text = await fileOf(remote, "clusters/dev/namespace.yaml");
    const isLinear = after.slice(numbers.length).join() === before.join();
    return {
      commits: after.length - before.length,
      isLinear,
      all: numbers.every((n) => text.includes(`client ${n}\n`)),
    };
  });
  await note("a wrong password", () => commitTag(wrong, local, "v0.1.0", options));
  await note("no such repository", () =>
    commitTag({ ...remote, url: `${remote.url}-other` }, local, "v0.1.0", options),
  );
  await note("no such branch", () => commitTag({ ...remote, branch: "other" }, local, "v0.1.0", options));
  await note("no such file", () => commitFile(remote, "clusters/dev/nothing.yaml", (text) => text, options));
  await note("an untrusted server", () => commitTag({ ...remote, authority: undefined }, local, "v0.1.0", options));
  await note("no such server", () =>
    commitTag({ ...remote, url: "https://git.nowhere.invalid/a/b", service: undefined }, local, "v0.1.0", options),
  );
  await note("a broken release file", async () => {
    const breakIt = (text: string) => text.replace("    image:\n", "    image:\n  - broken\n");
    const { sha } = await commitFile(remote, local.releaseFile, breakIt, options);
    await Promise.all([released(platform, sha), requestSync(api, local, sha, log)]);
  });
  await note("mended", async () => {
    const mend = (text: string) => text.replace("    image:\n  - broken\n", "    image:\n");
    const { sha } = await commitFile(remote, local.releaseFile, mend, options);
    await Promise.all([released(platform, sha), requestSync(api, local, sha, log)]);
    return "out";
  });
  await note("git refuses Flux", async () => {
    await givePassword(api, "wrong-password-1234");
    const { sha } = await commitFile(remote, local.releaseFile, (text) => `${text}# refused\n`, options);
    const told = await Promise.all([released(platform, sha), requestSync(api, local, sha, log)]).catch(textOf);
    await givePassword(api, await remote.password.plaintext());
    await Promise.all([released(platform, sha), requestSync(api, local, sha, log)]);
    return told;
  });
  await note("the git server is away for 20 s", async () => {
    const { sha } = await commitTag(remote, local, "v0.1.0", options);
    await away.set(true);
    const back = realClock.sleep(20_000).then(() => away.set(false));
    const pushed = await commitTag(remote, local, "v0.2.0", options).catch(textOf);
    const [release] = await Promise.all([
      waitForTag(target, "v0.1.0", sha),
      requestSync(api, local, sha, log),
      back.then(() => requestSync(api, local, sha, log)),
    ]);
    return { tag: release.tag, pushed };
  });
}

/** Gives Flux another password for the repository. */
async function givePassword(api: Cluster, password: string): Promise<void> {
  const { namespace = "", name } = syncSource;
  await api.patchObject({ apiVersion: "v1", kind: "Secret", namespace, name }, { stringData: { password } });
}

/** Waits with little patience for what can't come good. */
async function released({ api }: ThrowawayPlatform, revision: string): Promise<void> {
  const { namespace, helmRelease } = local;
  await waitForRelease(api, { namespace, helmRelease, revision, timeoutSeconds: 90, log });
}

/** The commits of the branch, the newest first. */
async function commits(remote: GitRemote): Promise<string[]> {
  return (await inClone(remote, "git log --format=%H")).trim().split("\n");
}

const fileOf = (remote: GitRemote, path: string) => inClone(remote, `cat ${path}`);

/** Runs a command in a clone of the branch; everybody may read. */
async function inClone({ url, branch, service, authority = "" }: GitRemote, command: string): Promise<string> {
  const container = uncached(dag.container().from(images.git))
    .withNewFile("/authority.pem", authority)
    .withEnvVariable("GIT_SSL_CAINFO", "/authority.pem");
  const bound = service ? container.withServiceBinding(new URL(url).hostname, service) : container;
  const script = `git clone --quiet --branch ${branch} ${url} /work && cd /work && ${command} || exit 1`;
  const { code, stdout, stderr } = await exec(bound, ["sh", "-c", script]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** A git server that can go away for a while. */
async function startGatedGit(away: AwaySwitch, source: Directory, at: { url: string; branch: string }) {
  const password = dag.setSecret(`git-password-${randomUUID()}`, randomBytes(24).toString("base64url"));
  const server = gitServerContainer(source, { ...at, password });
  const service = away
    .gate(server, { from: 443, host: "127.0.0.1", to: 8443 })
    .asService({ args: ["sh", "-c", "node /gate.cjs & PORT=8443 exec node /git/server.mjs"] });
  return await startedGitServer(service, { ...at, password });
}

/** A registry that can go away for a while. */
function gated(away: AwaySwitch, registry: Service | undefined): Service {
  if (!registry) throw new Error("the sample registry has no service");
  const container = dag.container().from(images.git).withServiceBinding("upstream", registry);
  return away
    .gate(container, { from: 5000, host: "upstream", to: 5000 })
    .withExposedPort(5000)
    .asService({ args: ["node", "/gate.cjs"] });
}
