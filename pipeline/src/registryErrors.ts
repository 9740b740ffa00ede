/** What went wrong when a registry was asked. */
export type RegistryProblem = "tag" | "repository" | "unauthorized" | "forbidden" | "unreachable" | "other";

/** A registry's refusal in words: what failed, why, and what to do. */
export class RegistryError extends Error {
  override name = "RegistryError";
  readonly problem: RegistryProblem;
  constructor(problem: RegistryProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** What was asked for. */
export interface Asked {
  readonly host: string;
  readonly repository: string;
  readonly tag?: string;
}

/**
 * Turns what crane said into an error for a reader. crane quotes the registry's own error codes (OCI distribution
 * specification, "Error codes").
 *
 * @param stderr crane's words; the addresses in them are those of the stand-in, so they are not shown as they are
 */
export function explainCraneError(stderr: string, asked: Asked): RegistryError {
  const image = asked.tag ? `${asked.repository}:${asked.tag}` : asked.repository;
  const renew =
    "Renew the token that ghcr-secret and the pipeline use: a GHCR_PAT with read:packages, given as " +
    "--registry-username and --registry-password env:GHCR_PAT.";
  if (/MANIFEST_UNKNOWN|manifest unknown/i.test(stderr))
    return new RegistryError("tag", `${asked.host} has no ${image}: there is no such tag.`);
  if (/NAME_UNKNOWN|repository name not known/i.test(stderr))
    return new RegistryError("repository", `${asked.host} has no repository ${asked.repository}.`);
  if (/UNAUTHORIZED|401/.test(stderr))
    return new RegistryError("unauthorized", `${asked.host} refuses to show ${image} (401 Unauthorized). ${renew}`);
  if (/DENIED|403/.test(stderr))
    return new RegistryError(
      "forbidden",
      `${asked.host} refuses to show ${image} (403 Forbidden): the token may not read this package. ${renew}`,
    );
  if (/no such host|connection refused|timeout|i\/o|unreachable|EOF/i.test(stderr))
    return new RegistryError("unreachable", `${asked.host} does not answer (asked for ${image}): ${lastLine(stderr)}`);
  if (/404/.test(stderr)) return new RegistryError("tag", `${asked.host} has no ${image} (404).`);
  return new RegistryError("other", `Asking ${asked.host} for ${image} failed: ${lastLine(stderr)}`);
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";
