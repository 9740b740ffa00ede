import type { KubeconfigTarget } from "./kubeconfig.js";
import { networkProblem } from "./probe.js";

/** An API server that restarts answers again within so many milliseconds; one that does not is gone. */
export const SILENCE_MS = 20_000;

/** Why a call to a cluster failed. */
export type ClusterProblem =
  | "kubeconfig"
  | "unreachable"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  /** The API server refuses the object itself, as another value of a field that can't be changed. */
  | "invalid"
  | "other";

/** A failed call to a cluster; `message` says what was tried, why it failed and holds no credentials. */
export class ClusterError extends Error {
  override name = "ClusterError";
  readonly problem: ClusterProblem;
  /** Whether the same call may succeed in a moment. */
  readonly transient: boolean;
  constructor(problem: ClusterProblem, message: string, transient = false) {
    super(message);
    this.problem = problem;
    this.transient = transient;
  }
}

/**
 * Turns whatever the client library threw into an error for a reader.
 *
 * @param what what was tried, such as "reading Deployment a/b"
 */
export function clusterError(thrown: unknown, what: string, target: KubeconfigTarget): ClusterError {
  if (thrown instanceof ClusterError) return thrown;
  // A WebSocket fails with an event that holds the error.
  const error = (thrown as { error?: unknown } | null)?.error ?? thrown;
  const failed = `${what.charAt(0).toUpperCase()}${what.slice(1)} failed`;
  const status = statusOf(error);
  if (status !== undefined) return refused(status, failed, apiMessage(error), target);
  if (target.command && error instanceof Error && !error.cause && !("code" in error))
    return new ClusterError(
      "unauthorized",
      `${failed}: the command ${target.command}, by which the kubeconfig gets its credentials, failed: ${firstLine(error.message)}`,
    );
  const { problem, message } = networkProblem(error, target.server);
  if (problem === "other") return new ClusterError("other", `${failed}: ${message}`);
  return new ClusterError(
    "unreachable",
    `${failed}: the cluster's API server at ${target.server} does not answer: ${message}.${target.advice ? ` ${target.advice.unreachable}` : loopbackHint(target.server)}`,
    problem !== "tls",
  );
}

function refused(status: number, failed: string, said: string, target: KubeconfigTarget): ClusterError {
  if (status === 401)
    return new ClusterError(
      "unauthorized",
      `${failed}: the API server at ${target.server} does not accept the credentials of the kubeconfig's user ${target.user} (401). ` +
        (target.advice?.unauthorized ?? "They may have expired: make the kubeconfig anew."),
    );
  const problems: Record<number, ClusterProblem> = {
    403: "forbidden",
    404: "not-found",
    409: "conflict",
    422: "invalid",
  };
  const transient = status === 429 || status >= 500;
  return new ClusterError(
    problems[status] ?? "other",
    `${failed} (${status}): ${said || "the API server gives no reason"}${status === 403 && target.advice ? `\n${target.advice.forbidden}` : ""}`,
    transient,
  );
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "number") return error.code;
  // What ws says when a port-forward is refused: without the body, which has the API server's reason.
  const [, status] = /^Unexpected server response: (\d{3})$/.exec(error.message) ?? [];
  return status ? Number(status) : undefined;
}

/** The API server's own words: its errors are `Status` objects, which the client library gives as text or as data. */
function apiMessage(error: unknown): string {
  const body: unknown = (error as { body?: unknown }).body;
  const status = typeof body === "string" ? parseJson(body) : body;
  const message = (status as { message?: unknown } | null | undefined)?.message;
  return firstLine(typeof message === "string" ? message : typeof body === "string" ? body : "");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}

function loopbackHint(server: string): string {
  const host = URL.canParse(server) ? new URL(server).hostname : "";
  return /^(localhost|127\..*|\[::1\])$/.test(host)
    ? " The pipeline runs in a container, where this address is the container itself: use an address that other machines can reach."
    : "";
}
