import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { parseDocument } from "yaml";
import { ClusterError } from "./clusterErrors.js";

/** What a kubeconfig's current context leads to. */
export interface KubeconfigTarget {
  readonly context: string;
  readonly server: string;
  readonly user: string;
  /** The command that makes the credentials, where the kubeconfig names one. */
  readonly command: string | undefined;
  readonly advice?: Advice;
}

/** What to say about a cluster's refusals, where more is known of it than its kubeconfig says. */
export interface Advice {
  /** Instead of the usual words after a 401. */
  readonly unauthorized: string;
  /** After the API server's own words in a 403. */
  readonly forbidden: string;
  /** After the reason why it does not answer. */
  readonly unreachable: string;
}

/**
 * Reads which cluster a kubeconfig leads to, and refuses one that can't work here, where there are no files and few
 * commands of the machine it was made on.
 *
 * @param text the kubeconfig itself; no part of it gets into an error but names of contexts, users, files and commands
 * @throws ClusterError saying what is wrong with it and how to make one that works
 */
export function inspectKubeconfig(text: string): KubeconfigTarget {
  const config = parseKubeconfig(text);
  const context = stringOf(config["current-context"]);
  if (!context)
    throw badKubeconfig(
      "has no current-context",
      "kubectl config use-context <name>, then: kubectl config view --raw --minify --flatten",
    );
  const chosen = named(config.contexts, context, "context");
  if (!chosen) throw badKubeconfig(`has no context called ${context}, which is its current-context`);
  const clusterName = stringOf(chosen.cluster);
  const userName = stringOf(chosen.user);
  const cluster = named(config.clusters, clusterName, "cluster");
  const server = stringOf(cluster?.server);
  if (!cluster || !URL.canParse(server))
    throw badKubeconfig(`has no server address for the cluster ${clusterName || "of its context"}`);
  const user = named(config.users, userName, "user");
  if (!user) throw badKubeconfig(`has no user called ${userName || "in its context"}`);
  refuseFiles({ ...cluster, ...user });
  return { context, server: server.replace(/\/$/, ""), user: userName, command: commandOf(user, userName) };
}

export function parseKubeconfig(text: string): Record<string, unknown> {
  const trimmed = text.trim();
  if (trimmed === "") throw badKubeconfig("is empty");
  // The classic mix-up: the variable KUBECONFIG holds the path of a file and not the file.
  if (!/[\n:{]/.test(trimmed))
    throw badKubeconfig(
      "is a single word, such as a path, and not the file itself",
      "give it as a file: --kubeconfig file:$KUBECONFIG",
    );
  const document = parseDocument(trimmed, { prettyErrors: true });
  const [error] = document.errors;
  const place = error?.linePos?.[0];
  // The parser's own message would show the line, and the line may hold a key.
  if (error) throw badKubeconfig(`is broken YAML${place ? ` at line ${place.line}, column ${place.col}` : ""}`);
  const value = plainData(document);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badKubeconfig("is no kubeconfig");
  return value as Record<string, unknown>;
}

function plainData(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS();
  } catch {
    throw badKubeconfig("is broken YAML (an alias without its anchor)");
  }
}

function refuseFiles(parts: Record<string, unknown>): void {
  for (const key of ["certificate-authority", "client-certificate", "client-key", "tokenFile", "token-file"]) {
    const file = stringOf(parts[key]);
    if (file && !canAccess(file, constants.R_OK))
      throw badKubeconfig(
        `names a file that is not here (${key}: ${file})`,
        "kubectl config view --raw --minify --flatten",
      );
  }
}

function commandOf(user: Record<string, unknown>, name: string): string | undefined {
  const command = stringOf((user.exec as Record<string, unknown> | undefined)?.command);
  if (!command) return undefined;
  if (onPath(command)) return command;
  throw badKubeconfig(
    `gets the credentials of ${name} by running ${JSON.stringify(command)}, which is not installed where the pipeline runs`,
    "give a kubeconfig that holds a short-lived token; for EKS: kubectl config set-credentials ci " +
      '--token="$(aws eks get-token --cluster-name <name> --query status.token --output text)", then name that user in the context',
  );
}

function onPath(command: string): boolean {
  if (isAbsolute(command) || command.includes("/")) return canAccess(command, constants.X_OK);
  return (process.env.PATH ?? "").split(delimiter).some((folder) => canAccess(join(folder, command), constants.X_OK));
}

function canAccess(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

export function badKubeconfig(what: string, next?: string): ClusterError {
  return new ClusterError("kubeconfig", `The kubeconfig ${what}.${next ? `\nNext: ${next}` : ""}`);
}

/** The entry of one of a kubeconfig's lists: `[{name, cluster: {…}}]`. */
function named(list: unknown, name: string, key: string): Record<string, unknown> | undefined {
  if (!Array.isArray(list)) return undefined;
  const found: unknown = list.find((entry: unknown) => (entry as { name?: unknown } | null)?.name === name);
  return found ? (((found as Record<string, unknown>)[key] as Record<string, unknown> | null) ?? {}) : undefined;
}

function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
