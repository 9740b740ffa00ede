import { randomUUID } from "node:crypto";
import { type Container, dag, type Secret, type Service } from "@dagger.io/dagger";
import rcompare from "semver/functions/rcompare.js";
import valid from "semver/functions/valid.js";
import { exec, uncached } from "./exec.js";
import { images } from "./images.js";
import type { RegistryLogin } from "./pullSecret.js";
import { explainCraneError, RegistryError } from "./registryErrors.js";
import { realClock } from "./steps.js";

/** The registry that the application's image is in. */
export interface AppRegistry {
  /** As in image names: `ghcr.io`. */
  readonly host: string;
  /** A registry that stands for the host: plain http on port 5000. Without one it is the host itself. */
  readonly service?: Service;
  /** Whether it has the sample application under the real image's name, and not that image. */
  readonly isSample?: boolean;
  readonly username?: string;
  readonly password?: Secret;
}

/** How a stand-in is called where it is bound, and its port. */
const STAND_IN = "registry:5000";
const TAGS_IN_ERROR = 8;
/** crane itself waits for ever for a host that takes a connection and says nothing; its retries take 10 s. */
const TIME_LIMIT_S = 15;
/** A registry that limits its callers says in a header when to come back, which only crane's debugging shows. */
const LOG = "/log/crane";
/** Ends with 0 or 1 only: Dagger takes what `timeout` says of a command that it ended for a crash of the container. */
const ASK = `timeout ${TIME_LIMIT_S} crane -v "$@" 2>${LOG} || {
  code=$?
  grep -i '^retry-after:' ${LOG} | tail -n 1 >&2
  sed -n '/^Error: /,$p' ${LOG} >&2
  [ $code -lt 124 ] || printf '\nError: no answer within ${TIME_LIMIT_S} s\n' >&2
  exit 1
}`;
/** How often a registry that has had too many requests is asked. */
const ATTEMPTS = 3;
/** The longest that is waited for such a registry, in seconds: a run that waits longer is better started again. */
const LONGEST_WAIT_S = 120;

/**
 * Looks a tag up.
 *
 * @param repository as in image names, such as `ghcr.io/damekarv/helloworld`
 * @returns the image's digest
 * @throws RegistryError: no such tag (with those that there are), no such repository, 401, 403, no answer
 */
export async function requireTag(registry: AppRegistry, repository: string, tag: string): Promise<string> {
  try {
    return await crane(registry, "digest", repository, tag);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.problem !== "tag") throw error;
    throw await withKnownTags(error, registry, repository);
  }
}

/**
 * Whether two digests of a repository are one image: an index that differs in its attestations alone has another digest.
 *
 * @throws RegistryError as `requireTag` does
 */
export async function isSameImage(
  registry: AppRegistry,
  repository: string,
  [one, other]: readonly [string, string],
): Promise<boolean> {
  const configOf = (digest: string) => crane(registry, "config", repository, digest);
  const [first, second] = await Promise.all([configOf(one), configOf(other)]);
  return first !== "" && first === second;
}

/** A registry may call a tag unknown whose whole repository it doesn't know: only asking for the tags tells. */
async function withKnownTags(error: RegistryError, registry: AppRegistry, repository: string): Promise<RegistryError> {
  try {
    const tags = await listTags(registry, repository);
    const about = registry.isSample ? ` ${ABOUT_SAMPLE}` : "";
    return new RegistryError("tag", `${error.message} ${knownTags(tags)}${about}`);
  } catch (listError) {
    const isRepository = listError instanceof RegistryError && listError.problem === "repository";
    return isRepository ? listError : error;
  }
}

/** A repository's SemVer tags, the newest first. */
export async function listTags(registry: AppRegistry, repository: string): Promise<string[]> {
  return (await listAllTags(registry, repository)).filter((tag) => valid(tag)).sort(rcompare);
}

/** All of a repository's tags, from all pages of the registry's answer, in its order. */
export async function listAllTags(registry: AppRegistry, repository: string): Promise<string[]> {
  return (await crane(registry, "ls", repository)).split("\n").filter(Boolean);
}

/** The log-in as a pull secret holds it; none for a registry without one. */
export async function pullLogin({ host, username, password }: AppRegistry): Promise<RegistryLogin | undefined> {
  if (!username || !password) return undefined;
  // A token that was read from a file brings the file's last line end along.
  return { registry: host, username, password: (await password.plaintext()).trim() };
}

const ABOUT_SAMPLE =
  "That is the registry of this run, which has the sample application (test/app) under the image's name. `ci` and `promote` " +
  "take the real image with --registry-username and --registry-password.";

function knownTags(tags: string[]): string {
  if (tags.length === 0) return "It has no released version at all.";
  const more = tags.length > TAGS_IN_ERROR ? ", …" : "";
  return `The newest that it has: ${tags.slice(0, TAGS_IN_ERROR).join(", ")}${more}.`;
}

/** Asks, and asks again when a registry has had too many requests and says when to come back: crane itself tries after 1 and 3 s. */
async function crane(registry: AppRegistry, verb: string, repository: string, tag?: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await craneOnce(registry, verb, repository, tag);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.problem !== "busy" || attempt === ATTEMPTS) throw error;
      const seconds = error.retryAfterSeconds;
      if (seconds === undefined || seconds > LONGEST_WAIT_S) throw error;
      console.log(`${registry.host} has had too many requests: asking again in ${seconds} s`);
      await realClock.sleep(seconds * 1000);
    }
  }
}

async function craneOnce(registry: AppRegistry, verb: string, repository: string, tag?: string): Promise<string> {
  const { host, service } = registry;
  requireHost(host, repository);
  const login = await pullLogin(registry);
  const path = service ? repository.replace(/^[^/]+/, STAND_IN) : repository;
  const reference = tag && `${tag.includes(":") ? "@" : ":"}${tag}`; // a digest has its algorithm before it
  const args = [verb, ...(service ? ["--insecure"] : []), `${path}${reference ?? ""}`];
  const asked = exec(craneContainer(registry, login), ["sh", "-c", ASK, "crane", ...args]);
  const { code, stdout, stderr } = await asked.catch((error) => {
    throw startProblem(error, host);
  });
  if (code === 0) return stdout.trim();
  throw explainCraneError(stderr, { host, repository, tag, loggedIn: login !== undefined }, service && STAND_IN);
}

/** A log-in is sent to its own registry only: another one would say that there was none. */
function requireHost(host: string, repository: string): void {
  if (repository.startsWith(`${host}/`)) return;
  throw new RegistryError(
    "other",
    `The log-in is for ${host}, and image.repository is ${repository}: the pipeline logs in to ${host} only. ` +
      "Keep the image there; or, where everybody may read it, leave --registry-password out.",
  );
}

function craneContainer({ host, service }: AppRegistry, login: RegistryLogin | undefined): Container {
  let container = dag
    .container()
    .from(images.crane)
    .withMountedTemp(LOG.replace(/\/[^/]+$/, ""))
    .withEnvVariable("DOCKER_CONFIG", "/docker");
  if (service) container = container.withServiceBinding("registry", service);
  if (!login) return uncached(container);
  const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
  const config = JSON.stringify({ auths: { [service ? STAND_IN : host]: { auth } } });
  const secret = dag.setSecret(`docker-config-${randomUUID()}`, config);
  return uncached(container.withMountedSecret("/docker/config.json", secret));
}

/** Dagger's own error when a stand-in doesn't start names neither it nor the host. */
function startProblem(error: unknown, host: string): unknown {
  if (!(error instanceof Error) || !error.message.includes("aliased as registry")) return error;
  return new RegistryError("unreachable", `The registry that stands for ${host} does not start: ${error.message}`);
}
