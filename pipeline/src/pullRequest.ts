import type { GitRemote } from "./git.js";
import { repositoryPath, withoutGitEnd } from "./repositoryUrl.js";

/** What a pull request asks for. */
export interface PullRequest {
  /** The branch with the change. */
  readonly branch: string;
  readonly title: string;
  readonly body: string;
}

/** The repository, the branch that gets the change, and the token. */
type Repository = Pick<GitRemote, "url" | "branch" | "password">;

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
  remote: Repository,
  request: PullRequest,
  api = apiOf(remote.url),
): Promise<string> {
  const { branch, title, body } = request;
  const asked = askGitHub(remote, api, { method: "POST", content: { title, body, head: branch, base: remote.branch } });
  const opened = await asked.catch((error) => {
    throw new PullRequestError(
      `GitHub does not answer at ${new URL(api).host}: ${error.message}. ${byHand(remote, branch)}`,
    );
  });
  if (opened.status === 201) return addressIn(opened.body);
  const open = opened.status === 422 ? await openPullRequestOf(remote, branch, api) : undefined;
  if (open) return open;
  const said = refusal(opened, repositoryPath(remote.url));
  throw new PullRequestError(`${said} ${byHand(remote, branch)}`, /No commits between/i.test(said));
}

/**
 * The pull request from a branch into the remote's that is open.
 *
 * @returns its address; nothing where there is none, and where GitHub does not tell
 */
export async function openPullRequestOf(remote: Repository, branch: string, api = apiOf(remote.url)) {
  const [owner = ""] = repositoryPath(remote.url).split("/");
  const query = new URLSearchParams({ head: `${owner}:${branch}`, base: remote.branch, state: "open" });
  const [first] = await listed(remote, query, api);
  return first === undefined ? undefined : addressIn(first);
}

/**
 * The branch of an open pull request into the remote's branch that has this name, or this name and a time in milliseconds: as who found
 * the name taken by a branch that was left over has called it.
 *
 * @returns nothing where there is none, and where GitHub does not tell
 */
export async function openBranchOf(remote: Repository, branch: string, api = apiOf(remote.url)) {
  const query = new URLSearchParams({ base: remote.branch, state: "open", per_page: "100" });
  const own = repositoryPath(remote.url).toLowerCase();
  return ((await listed(remote, query, api)) as Open[])
    .filter(({ head }) => head?.repo?.full_name?.toLowerCase() === own)
    .map(({ head }) => head?.ref ?? "")
    .find(
      (name) => name === branch || (name.startsWith(`${branch}-`) && /^\d{13}$/.test(name.slice(branch.length + 1))),
    );
}

/** An open pull request, as GitHub lists it. */
interface Open {
  readonly head?: { readonly ref?: string; readonly repo?: { readonly full_name?: string } };
}

/** The pull requests that a query finds; none where GitHub does not tell. */
async function listed(remote: Repository, query: URLSearchParams, api: string): Promise<unknown[]> {
  const found = await askGitHub(remote, api, { method: "GET", query: `?${query}` }).catch(() => undefined);
  return found?.status === 200 && Array.isArray(found.body) ? found.body : [];
}

/** Asks for the pull requests of a repository. */
async function askGitHub(
  remote: Repository,
  api: string,
  { query = "", ...request }: { method: string; query?: string; content?: object },
): Promise<Answer> {
  const token = (await remote.password.plaintext()).trim();
  return await answerOf(`${api}/repos/${repositoryPath(remote.url)}/pulls${query}`, { token, ...request });
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
