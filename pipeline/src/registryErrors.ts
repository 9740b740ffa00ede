import { LOGIN_HOST } from "./pullSecret.js";
import { formatSeconds } from "./report.js";

/** What went wrong when a registry was asked. */
export type RegistryProblem = "tag" | "repository" | "unauthorized" | "forbidden" | "busy" | "unreachable" | "other";

/** A registry's refusal in words: what failed, why, and what to do. */
export class RegistryError extends Error {
  override name = "RegistryError";
  readonly problem: RegistryProblem;
  /** When a busy registry wants to be asked again, if it says so. */
  readonly retryAfterSeconds: number | undefined;
  constructor(problem: RegistryProblem, message: string, retryAfterSeconds?: number) {
    super(message);
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** What was asked for. */
export interface Asked {
  readonly host: string;
  readonly repository: string;
  readonly tag?: string;
  /** Whether a log-in was sent. */
  readonly loggedIn?: boolean;
}

const adviceFor = (host: string) =>
  host === LOGIN_HOST
    ? "Give a GHCR_PAT with read:packages as --registry-username and --registry-password env:GHCR_PAT; " +
      "ghcr-secret in the cluster holds the same."
    : `The pipeline logs in to ${LOGIN_HOST} only: have the image there (image.repository), or where everybody may read it.`;

/**
 * Turns what crane said into an error for a reader. crane quotes the registry's own error codes (OCI distribution
 * specification, "Error codes"), or the HTTP status when the answer has none.
 *
 * @param stderr crane's words
 * @param standIn how a stand-in for the host is called in them: a reader is shown the host
 */
export function explainCraneError(stderr: string, asked: Asked, standIn?: string): RegistryError {
  const { host, repository } = asked;
  const image = asked.tag ? `${repository}:${asked.tag}` : repository;
  const said = whatFailed(stderr, host, standIn);
  const is = (code: RegExp, status?: number) =>
    code.test(said) || (status !== undefined && said.includes(`unexpected status code ${status} `));

  if (is(/\bMANIFEST_UNKNOWN\b/)) return new RegistryError("tag", `${host} has no ${image}: there is no such tag.`);
  if (is(/\bNAME_(UNKNOWN|INVALID)\b/))
    return new RegistryError("repository", `${host} has no repository ${repository}.`);
  if (is(/\bUNAUTHORIZED\b/, 401))
    return new RegistryError(
      "unauthorized",
      `${host} refuses to show ${image} (401 Unauthorized): ${asked.loggedIn ? "the user's name or the token is wrong, or the token has expired" : "it was asked without a log-in"}. ${adviceFor(host)}`,
    );
  if (is(/\bDENIED\b/, 403))
    return new RegistryError(
      "forbidden",
      `${host} refuses to show ${image} (403 Forbidden): ${asked.loggedIn ? "the token may not read this package" : "it was asked without a log-in"}, or the package's name is misspelt. ${adviceFor(host)}`,
    );
  if (is(/\bTOOMANYREQUESTS\b/, 429)) {
    const seconds = retryAfter(stderr);
    return new RegistryError(
      "busy",
      `${host} has had too many requests (429; asked for ${image}): try again in ${seconds === undefined ? "some minutes" : formatSeconds(seconds)}.`,
      seconds,
    );
  }
  if (is(/no such host|connection refused|connection reset|no route|unreachable|timeout|no answer within|\bEOF\b/i))
    return new RegistryError(
      "unreachable",
      `${host} does not answer (asked for ${image}): ${said}. Is the name right, and can this machine reach it (network, proxy, firewall)?`,
    );
  if (is(/^$/, 404)) return new RegistryError("tag", `${host} has no ${image} (404).`);
  return new RegistryError("other", `Asking ${host} for ${image} failed: ${said}`);
}

const SECONDS = { µs: 1e-6, ms: 1e-3, s: 1, m: 60 } as const;

/** How long to wait: as the header says it (RFC 9110, "Retry-After": seconds, or a date), or GHCR in its message. */
export function retryAfter(text: string, now = Date.now()): number | undefined {
  const header = /^retry-after:\s*(.+?)\s*$/im.exec(text)?.[1];
  if (!header) {
    const [, number, unit] = /retry-after: ([\d.]+)(µs|ms|s|m)\b/.exec(text) ?? [];
    return number ? Math.ceil(Number(number) * SECONDS[unit as keyof typeof SECONDS]) : undefined;
  }
  if (/^\d+$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** crane's last error without its retries, and without its try with TLS where it then went on without. */
function whatFailed(stderr: string, host: string, standIn?: string): string {
  const text = stderr.trim();
  const said = text
    .slice(Math.max(0, text.lastIndexOf("\nError: ") + 1))
    .replace(/^Error: /, "")
    .replace(/Get "https:[^"]*": http: server gave HTTP response to HTTPS client; /, "")
    .replace(/\s+/g, " ");
  const shown = standIn ? said.replaceAll(standIn, host) : said;
  return shown.length > 500 ? `${shown.slice(0, 500)}…` : shown;
}
