import type { Directory } from "@dagger.io/dagger";
import { prepareNamespace, type Target } from "./deployment.js";
import type { EnvironmentEntry } from "./environments.js";
import { PULL_SECRET } from "./pullSecret.js";
import { type AppRegistry, requireTag } from "./registry.js";
import { imageRepository, releasedTag } from "./releaseFile.js";

/** An environment, and the log-in that its nodes shall pull with. */
export interface PullAccess {
  readonly source: Directory;
  readonly environment: EnvironmentEntry;
  readonly registry: AppRegistry;
}

/**
 * Checks that a log-in can pull the image that an environment has in its release file.
 *
 * @returns image and digest
 * @throws RegistryError saying what to do
 */
export async function checkPull({ source, environment, registry }: PullAccess): Promise<string> {
  const [repository, tag] = await Promise.all([imageRepository(source, environment), releasedTag(source, environment)]);
  return `${repository}:${tag}@${await requireTag(registry, repository, tag)}`;
}

/**
 * Makes or renews the secret with which an environment's nodes pull the image.
 *
 * @returns what was done
 * @throws Error when something in the cluster keeps the secret as it is
 */
export async function renewPullSecret(access: PullAccess, target: Target): Promise<string> {
  const { namespace } = access.environment;
  const name = `${namespace}/${PULL_SECRET}`;
  const found = await target.api.findObject({ apiVersion: "v1", kind: "Secret", namespace, name: PULL_SECRET });
  const owner = found?.metadata?.ownerReferences?.find(({ kind }) => kind === "ExternalSecret");
  if (owner)
    throw new Error(
      `The secret ${name} is made by External Secrets (${owner.name}), which would put its own token back. ` +
        "Renew the token where that one comes from (AWS Secrets Manager). Nothing was changed.",
    );
  await prepareNamespace({ ...access, target }, access.registry);
  return `${found ? "renewed" : "made"} ${name}`;
}
