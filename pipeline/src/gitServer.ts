import { randomBytes, randomUUID } from "node:crypto";
import { lookup } from "node:dns/promises";
import { type Container, type Directory, dag, type Secret, type Service } from "@dagger.io/dagger";
import { onceStarted, peerCertificate } from "./certificates.js";
import { type GitRemote, hostOf } from "./git.js";
import { images } from "./images.js";
import { repositoryPath } from "./repositoryUrl.js";

/** Who pushes to the throwaway server. */
const USERNAME = "git";
const PORT = 443;
const ROOT = "/srv/git";

/** A git server that lives as long as the run that started it, and stands for the host of its repository's URL. */
export interface ThrowawayGitServer {
  readonly remote: GitRemote & { readonly service: Service; readonly authority: string };
  /** Its address in the engine's network, where it answers on port 443. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Where a repository seems to be, and what it has. */
export interface RepositoryPlace {
  /** `https://github.com/owner/name` */
  readonly url: string;
  /** The branch that is spoken of. */
  readonly branch: string;
  /** The branches that it has besides, at the same commit. */
  readonly others?: readonly string[];
}

/**
 * Starts a git server in the engine with a repository that holds the working tree as its one commit. As with a public
 * repository on GitHub everybody may read, and who pushes needs the password; TLS, with an authority of its own.
 */
export async function startGitServer(source: Directory, at: RepositoryPlace): Promise<ThrowawayGitServer> {
  const password = dag.setSecret(`git-password-${randomUUID()}`, randomBytes(24).toString("base64url"));
  const service = gitServerContainer(source, { ...at, password }).asService({ args: ["node", "/git/server.mjs"] });
  return await startedGitServer(service, { ...at, password });
}

/** The server's container, to be started by `node /git/server.mjs`. */
export function gitServerContainer(
  source: Directory,
  { url, branch, others = [], password }: RepositoryPlace & { readonly password: Secret },
): Container {
  return dag
    .container()
    .from(images.git)
    .withFile("/git/server.mjs", dag.currentModule().source().file("git/server.mjs"))
    .withDirectory(`${ROOT}/${repositoryPath(url)}.git`, repositoryOf(source, [...new Set([branch, ...others])]))
    .withEnvVariable("GIT_PROJECT_ROOT", ROOT)
    .withEnvVariable("GIT_PUBLIC", "1")
    .withEnvVariable("TLS_NAMES", hostOf(url))
    .withEnvVariable("PORT", `${PORT}`)
    .withExposedPort(PORT)
    .withEnvVariable("SERVER", randomUUID()) // each run has one of its own
    .withSecretVariable("GIT_PASSWORD", password);
}

/** Starts a service made from `gitServerContainer`. */
export async function startedGitServer(
  service: Service,
  { url, branch, password }: RepositoryPlace & { readonly password: Secret },
): Promise<ThrowawayGitServer> {
  await service.start();
  const { address } = await lookup(await service.hostname(), { family: 4 });
  const authority = await onceStarted(() => peerCertificate(address, PORT, hostOf(url)));
  return {
    remote: { url, branch, username: USERNAME, password, service, authority },
    address,
    stop: async () => {
      await service.stop({ kill: true });
    },
  };
}

/** A bare repository whose one commit holds the folder, without what its .gitignore names. */
function repositoryOf(source: Directory, [branch = "", ...others]: readonly string[]): Directory {
  const script = [
    'git init --quiet --bare --initial-branch="$BRANCH" /bare',
    "git --git-dir=/bare --work-tree=/source add --all",
    "git --git-dir=/bare --work-tree=/source commit --quiet --message 'The working tree'",
    "rm /bare/index",
    "git --git-dir=/bare repack -adq", // each clone would look for deltas anew, half a second of a processor
    'for other in "$@"; do git --git-dir=/bare branch -- "$other"; done',
  ];
  let container = dag
    .container()
    .from(images.git)
    .withMountedDirectory("/source", source)
    .withEnvVariable("BRANCH", branch);
  for (const role of ["AUTHOR", "COMMITTER"])
    container = container
      .withEnvVariable(`GIT_${role}_NAME`, "helloworld-infrastructure")
      .withEnvVariable(`GIT_${role}_EMAIL`, "pipeline@helloworld.invalid")
      .withEnvVariable(`GIT_${role}_DATE`, "2026-01-01T00:00:00Z"); // the same tree is the same commit, and in the cache
  return container.withExec(["sh", "-euc", script.join("\n"), "sh", ...others]).directory("/bare");
}
