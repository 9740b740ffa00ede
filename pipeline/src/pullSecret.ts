import { ClusterError } from "./clusterErrors.js";

/** The secret with which the nodes pull the application's images. */
export const PULL_SECRET = "ghcr-secret";

/** The one registry that the pipeline logs in to. */
export const LOGIN_HOST = "ghcr.io";

/** Credentials for a registry of images. */
export interface RegistryLogin {
  /** The registry's host, with its port where it has one: `ghcr.io`. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** @throws ClusterError when a part of the log-in is missing */
export function pullSecret(namespace: string, { registry, username, password }: RegistryLogin) {
  // A token that was read from a file brings the file's last line end along.
  const token = password.trim();
  if (!registry || !username || !token)
    throw new ClusterError(
      "other",
      `The login for the registry ${registry || "(no name)"} has no ${registry ? (username ? "password" : "user name") : "registry"}.`,
    );
  const auth = Buffer.from(`${username}:${token}`).toString("base64");
  const config = JSON.stringify({ auths: { [registry]: { username, password: token, auth } } });
  return {
    metadata: { name: PULL_SECRET, namespace },
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": Buffer.from(config).toString("base64") },
  };
}
