import { randomUUID } from "node:crypto";
import { type Container, dag, ReturnType, type Secret, type Service } from "@dagger.io/dagger";
import { rcompare, valid } from "semver";
import { images } from "./images.js";
import type { RegistryLogin } from "./kubernetes.js";
import { explainCraneError, RegistryError } from "./registryErrors.js";

/** The registry that the application's image is in. */
export interface AppRegistry {
  /** As in image names: `ghcr.io`. */
  readonly host: string;
  /** A registry that stands for the host: plain http on port 5000. Without one it is the host itself. */
  readonly service?: Service;
  readonly username?: string;
  readonly password?: Secret;
}

/** How a stand-in is called where it is bound, and its port. */
const STAND_IN = "registry:5000";
const TAGS_IN_ERROR = 8;

/**
 * Looks a tag up.
 *
 * @param repository as in image names, such as `ghcr.io/damekarv/helloworld`
 * @returns the image's digest
 * @throws RegistryError: no such tag (with those that there are), 401, 403, no answer
 */
export async function requireTag(registry: AppRegistry, repository: string, tag: string): Promise<string> {
  try {
    return await crane(registry, "digest", repository, tag);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.problem !== "tag") throw error;
    const tags = await listTags(registry, repository).catch(() => []);
    throw new RegistryError("tag", `${error.message} ${knownTags(tags)}`.trim());
  }
}

/** A repository's SemVer tags, the newest first. */
export async function listTags(registry: AppRegistry, repository: string): Promise<string[]> {
  const tags = (await crane(registry, "ls", repository)).split("\n");
  return tags.filter((tag) => valid(tag)).sort(rcompare);
}

/** The log-in as a pull secret holds it; none for a registry without one. */
export async function pullLogin({ host, username, password }: AppRegistry): Promise<RegistryLogin | undefined> {
  if (!username || !password) return undefined;
  return { registry: host, username, password: await password.plaintext() };
}

function knownTags(tags: string[]): string {
  if (tags.length === 0) return "";
  const more = tags.length > TAGS_IN_ERROR ? ", …" : "";
  return `The newest that it has: ${tags.slice(0, TAGS_IN_ERROR).join(", ")}${more}.`;
}

async function crane(registry: AppRegistry, verb: string, repository: string, tag?: string): Promise<string> {
  const path = registry.service ? repository.replace(/^[^/]+/, STAND_IN) : repository;
  const insecure = registry.service ? ["--insecure"] : [];
  const run = (await craneContainer(registry)).withExec(["crane", verb, ...insecure, tag ? `${path}:${tag}` : path], {
    expect: ReturnType.Any,
  });
  const [code, stdout, stderr] = await Promise.all([run.exitCode(), run.stdout(), run.stderr()]);
  if (code === 0) return stdout.trim();
  throw explainCraneError(stderr, { host: registry.host, repository, tag });
}

async function craneContainer(registry: AppRegistry): Promise<Container> {
  let container = dag.container().from(images.crane).withEnvVariable("NOW", new Date().toISOString()); // what a registry has is no part of the cache's key
  if (registry.service) container = container.withServiceBinding("registry", registry.service);
  const login = await pullLogin(registry);
  if (!login) return container;
  const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
  const config = JSON.stringify({ auths: { [registry.service ? STAND_IN : registry.host]: { auth } } });
  return container
    .withMountedSecret("/docker/config.json", dag.setSecret(`docker-config-${randomUUID()}`, config))
    .withEnvVariable("DOCKER_CONFIG", "/docker");
}
