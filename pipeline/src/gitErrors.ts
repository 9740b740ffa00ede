/** Why a call to a git server failed. */
export type GitProblem =
  | "overtaken"
  | "unauthorized"
  | "forbidden"
  | "protected"
  | "workflows"
  | "repository"
  | "branch"
  /** A branch has the first part of the name of the one that is to be made. */
  | "name"
  | "file"
  | "tls"
  | "unreachable"
  | "other";

/** A failed call to a git server; `message` says where, why and what to do, and holds no credentials. */
export class GitError extends Error {
  override name = "GitError";
  readonly problem: GitProblem;
  /** Whether the server may have taken a push all the same: only its answer is missing. */
  readonly mayHaveArrived: boolean;
  constructor(problem: GitProblem, message: string, mayHaveArrived = false) {
    super(message);
    this.problem = problem;
    this.mayHaveArrived = mayHaveArrived;
  }
}

interface Place {
  readonly url: string;
  readonly branch: string;
  readonly username: string;
  /** Whether it was a push, which needs the right to write. */
  readonly pushes?: boolean;
}

/** What git says (LC_ALL=C), and what it means; the first that fits. */
const problems: readonly [GitProblem, RegExp][] = [
  ["workflows", /refusing to allow an? .* to create or update workflow/i],
  ["protected", /protected branch|GH006|GH013|rule violations|pre-receive hook declined/i],
  ["name", /' exists; cannot create|directory file conflict/i],
  [
    "overtaken",
    /\(fetch first\)|\(stale info\)|\(non-fast-forward\)|cannot lock ref|failed to update ref|incorrect old value|reference already exists/i,
  ],
  ["forbidden", /error: 403|Permission to .* denied|write access to repository not granted|not allowed to push/i],
  [
    "unauthorized",
    /Authentication failed|error: 401|could not read (Username|Password)|Invalid username or (password|token)|Password authentication is not supported/i,
  ],
  ["repository", /repository .*not found|error: 404/i],
  ["branch", /Remote branch .* not found|couldn't find remote ref/i],
  ["tls", /certificate|verification failed/i],
  [
    "unreachable",
    /Could not resolve host|Failed to connect|Couldn't connect|Connection (refused|reset|timed out)|no answer within|Operation too slow|error: 5\d\d|Empty reply|early EOF|hung up|SSL|TLS/i,
  ],
];

/** Turns what git said on its way out into an error for a reader. */
export function explainGitError(stderr: string, { url, branch, username, pushes }: Place): GitError {
  const said = saidBy(stderr);
  const answer = withoutAddresses(said);
  const [problem = "other"] = problems.find(([, pattern]) => pattern.test(answer)) ?? [];
  const [action, access] = pushes ? ["push", "write"] : ["read", "read"];
  const explained: Record<GitProblem, string> = {
    overtaken: `Others pushed to ${branch} of ${url} again and again at the same moment; nothing was forced. Try again.`,
    unauthorized: `${url} does not accept the password of ${username}. It may have expired, or be for another account.`,
    forbidden: `${url} does not let ${username} ${action}: the token needs ${access} access to the repository's contents.`,
    protected: `${url} does not let ${username} push to ${branch}, which is protected: let the branch's rules except ${username}, or bring the change by a pull request.`,
    workflows: `${url} does not let ${username} push: the commits change a workflow, which this token may not. Nothing was changed in git. Next: the same call with --git-token of a token with the scope workflow (a fine-grained one: "Workflows", read and write); a job's own token can't have it. Where that job has waited while workflows changed on the default branch, a new one from there does as well.`,
    repository: `There is no repository at ${url}, or ${username} may not see it.`,
    branch: `${url} has no branch ${branch}.`,
    name: `${url} can't have a branch ${branch}: there is one called ${inTheWay(answer) ?? branch.split("/")[0]}, and git takes no two of which one begins with the other and a slash. Nothing was changed. Next: rename that one, and repeat the call.`,
    file: said,
    tls: `The certificate that ${url} shows is not to be trusted.`,
    unreachable: `The git server of ${url} does not answer.`,
    other: `git failed at ${url}.`,
  };
  const text = `${explained[problem]}${said ? `\n${indented(said)}` : ""}`;
  return new GitError(problem, text, problem === "unreachable" && pushes);
}

/** The branch that git names as the one in the way. */
const inTheWay = (said: string) => /'refs\/(?:heads|remotes\/\w+)\/([^']+)' exists; cannot create/.exec(said)?.[1];

/** git's own words, without hints and without credentials. */
function saidBy(stderr: string): string {
  return stderr
    .split("\n")
    .map((line) => line.trimEnd().replace(/:\/\/[^/@\s]+@/g, "://"))
    .filter((line) => line.trim() !== "" && !/^(hint|warning):/.test(line))
    .slice(-12)
    .join("\n");
}

/** A repository or its host may be called as a problem is: `certificates`. */
const withoutAddresses = (said: string) =>
  said.replace(/https?:\/\/[^\s'"]+|(?<=resolve host: |connect to )\S+/g, "ADDRESS");

const indented = (text: string) => text.replace(/^/gm, "  ");
