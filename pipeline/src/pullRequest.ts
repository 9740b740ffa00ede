import type { GitRemote } from "./git.js";
import { repositoryPath, withoutGitEnd } from "./repositoryUrl.js";

/** What a pull request asks for. */
export interface PullRequest {
  /** The branch with the change. */
  readonly branch: string;
  readonly title: string;
  readonly body: string;
}

const TIME_LIMIT_MS = 30_000;

/** A call to GitHub that was refused; `message` says what to do, and holds no token. */
export class PullRequestError extends Error {
  override name = "PullRequestError";
  /** Whether the branch has nothing that the base lacks: it is left from a change that has been merged. */
  readonly nothingToMerge: boolean;
  constructor(message: string, nothingToMerge = false) {
    super(message);
    this.nothingToMerge = nothingToMerge;
  }
}

/**
 * Opens a pull request into the remote's branch; one that is open already for the same branch stays as it is.
 *
 * @param api where GitHub's REST API answers; by default that of the repository's host
 * @returns its address
 * @throws PullRequestError: no answer, who asks is refused, no such repository; the branch is pushed then
 */
export async function openPullRequest(
  remote: Pick<GitRemote, "url" | "branch" | "password">,
  request: PullRequest,
  api = apiOf(remote.url),
): Promise<string> {
  const [owner = "", name = ""] = repositoryPath(remote.url).split("/");
  const pulls = `${api}/repos/${owner}/${name}/pulls`;
  const { branch, title, body } = request;
  const token = (await remote.password.plaintext()).trim();
  const ask = async (method: string, query: string, content?: object) =>
    await answerOf(pulls + query, { method, token, content }).catch((error) => {
      throw new PullRequestError(
        `GitHub does not answer at ${new URL(api).host}: ${error.message}. ${byHand(remote, branch)}`,
      );
    });
  const opened = await ask("POST", "", { title, body, head: branch, base: remote.branch });
  if (opened.status === 201) return addressIn(opened.body);
  if (opened.status === 422) {
    const query = new URLSearchParams({ head: `${owner}:${branch}`, base: remote.branch, state: "open" });
    const found = await ask("GET", `?${query}`);
    const [first] = Array.isArray(found.body) ? found.body : [];
    if (found.status === 200 && first) return addressIn(first);
  }
  const said = refusal(opened, `${owner}/${name}`);
  throw new PullRequestError(`${said} ${byHand(remote, branch)}`, /No commits between/i.test(said));
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function answerOf(
  url: string,
  { method, token, content }: { method: string; token: string; content?: object },
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${token}`,
      "user-agent": "helloworld-infrastructure",
      "x-github-api-version": "2022-11-28",
    },
    ...(content && { body: JSON.stringify(content) }),
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  return { status: response.status, body: await response.json().catch(() => undefined) };
}

const addressIn = (body: unknown) => (body as { html_url?: string }).html_url ?? "";

function refusal({ status, body }: Answer, repository: string): string {
  const { message = "", errors = [] } = (body ?? {}) as { message?: string; errors?: { message?: string }[] };
  const said = [message, ...errors.map((error) => error.message ?? "")].filter(Boolean).join("; ");
  const meanings: Record<number, string> = {
    401: "the token is wrong or has expired",
    403: "the token may not open pull requests: it needs `pull-requests: write`, and in GitHub Actions the repository's setting that lets workflows make them",
    404: "there is no such repository, or the token may not see it",
  };
  return `GitHub opens no pull request in ${repository} (${status}): ${meanings[status] ?? said}${meanings[status] && said ? ` (${said})` : ""}.`;
}

/** What is left to do when the branch is pushed and GitHub's API is not to be had. */
const byHand = ({ url, branch: base }: Pick<GitRemote, "url" | "branch">, branch: string) =>
  `The branch ${branch} is pushed: open it by hand at ${withoutGitEnd(url)}/compare/${base}...${branch}`;

/** `https://api.github.com`, or the API of a GitHub Enterprise Server. */
export function apiOf(url: string): string {
  const { host } = new URL(url);
  return host === "github.com" ? "https://api.github.com" : `https://${host}/api/v3`;
}
