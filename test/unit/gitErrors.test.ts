// What git says when a server refuses it, as it was said by git 2.39 to 2.51 with GitHub, GitLab and git's own http-backend.
import type { Container } from "@dagger.io/dagger";
import { describe, expect, it, vi } from "vitest";
import { exec } from "../../pipeline/src/exec.js";
import { type GitRemote, gitClone, gitPush, retried, runGit } from "../../pipeline/src/git.js";
import { explainGitError, GitError } from "../../pipeline/src/gitErrors.js";

vi.mock(import("../../pipeline/src/exec.js"), async (original) => ({ ...(await original()), exec: vi.fn() }));

const place = { url: "https://github.com/damekarv/helloworld-infrastructure", branch: "main", username: "robot" };
const explain = (said: string) => explainGitError(said, place);

describe("explainGitError", () => {
  it.each([
    ["unauthorized", "remote: Invalid username or token. Password authentication is not supported for Git operations."],
    ["unauthorized", "fatal: Authentication failed for 'https://github.com/damekarv/helloworld-infrastructure/'"],
    ["unauthorized", "fatal: could not read Username for 'https://github.com': terminal prompts disabled"],
    [
      "forbidden",
      "remote: Permission to damekarv/helloworld-infrastructure.git denied to robot.\nfatal: unable to access 'https://github.com/damekarv/helloworld-infrastructure/': The requested URL returned error: 403",
    ],
    ["forbidden", "remote: Write access to repository not granted."],
    [
      "protected",
      "remote: error: GH006: Protected branch update failed for refs/heads/main.\n ! [remote rejected] HEAD -> main (protected branch hook declined)",
    ],
    [
      "protected",
      "remote: error: GH013: Repository rule violations found for refs/heads/main.\n ! [remote rejected] HEAD -> main (push declined due to repository rule violations)",
    ],
    ["protected", " ! [remote rejected] main -> main (pre-receive hook declined)"],
    [
      "workflows",
      " ! [remote rejected] abc -> prod (refusing to allow a GitHub App to create or update workflow `.github/workflows/promote.yml` without `workflows` permission)",
    ],
    [
      "workflows",
      " ! [remote rejected] abc -> prod (refusing to allow an OAuth App to create or update workflow `.github/workflows/promote.yml` without `workflow` scope)",
    ],
    [
      "workflows",
      " ! [remote rejected] abc -> prod (refusing to allow a Personal Access Token to create or update workflow `.github/workflows/promote.yml` without `workflow` scope)\nerror: failed to push some refs to 'https://github.com/a/b'",
    ],
    [
      "unreachable",
      "fatal: unable to access 'https://github.com/a/b/': GnuTLS recv error (-110): The TLS connection was non-properly terminated.",
    ],
    [
      "unreachable",
      "fatal: unable to access 'https://github.com/a/b/': OpenSSL SSL_read: Connection reset by peer, errno 104",
    ],
    [
      "tls",
      "fatal: unable to access 'https://github.com/a/b/': server verification failed: certificate signer not trusted.",
    ],
    [
      "overtaken",
      " ! [rejected]        HEAD -> main (fetch first)\nerror: failed to push some refs to 'https://github.com/a/b'",
    ],
    ["overtaken", " ! [rejected]        HEAD -> main (non-fast-forward)"],
    [
      "overtaken",
      " ! [remote rejected] HEAD -> main (failed to update ref)\nremote: error: cannot lock ref 'refs/heads/main': is at a but expected b",
    ],
    [
      "name",
      "remote: error: cannot lock ref 'refs/heads/release/prod-v0.3.0': 'refs/heads/release' exists; cannot create 'refs/heads/release/prod-v0.3.0'\n ! [remote rejected] HEAD -> release/prod-v0.3.0 (failed to update ref)",
    ],
    ["overtaken", " ! [remote rejected] HEAD -> main (cannot lock ref 'refs/heads/main': is at 1f0 but expected 2e1)"],
    ["overtaken", " ! [remote rejected] HEAD -> main (failed to update ref)"],
    ["overtaken", " ! [remote rejected] HEAD -> main (incorrect old value provided)"],
    ["repository", "remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found"],
    ["branch", "fatal: Remote branch main not found in upstream origin"],
    [
      "tls",
      "fatal: unable to access 'https://github.com/a/b/': server certificate verification failed. CAfile: none CRLfile: none",
    ],
    ["tls", "fatal: unable to access 'https://github.com/a/b/': SSL certificate problem: self-signed certificate"],
    ["unreachable", "fatal: unable to access 'https://github.com/a/b/': Could not resolve host: github.com"],
    [
      "unreachable",
      "fatal: unable to access 'https://github.com/a/b/': Failed to connect to github.com port 443 after 3 ms: Couldn't connect to server",
    ],
    ["unreachable", "fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 503"],
    ["unreachable", "fatal: no answer within 120 s"],
    ["other", "error: pathspec 'x' did not match any file(s) known to git"],
  ])("knows %s: %s", (problem, said) => {
    const error = explain(said);
    expect(error.problem).toBe(problem);
    expect(error.message).toContain(place.url);
    expect(error.message).toContain(said.trim().split("\n").at(-1)?.trim());
  });

  it.each(["", "/", ".git", ".git/"])(
    "does not take the repository's own words for git's (its URL ends in %j)",
    (end) => {
      const url = "https://certificates.example.com/acme/certificates";
      for (const said of [
        `fatal: unable to access '${url}${end}': Could not resolve host: certificates.example.com`,
        `fatal: unable to access '${url}${end}': Failed to connect to certificates.example.com port 443 after 3 ms: Couldn't connect to server`,
        `fatal: unable to access '${url}${end}': The requested URL returned error: 503`,
      ]) {
        const { problem, message } = explainGitError(said, { ...place, url: `${url}${end}` });
        expect(problem, said).toBe("unreachable");
        expect(message).toContain(said);
      }
    },
  );

  it.each([
    ["read", "read", gitClone("")],
    ["push", "write", gitPush("HEAD")],
  ])("says that a token may not %s, and needs to %s", async (action, access, script) => {
    const said = "remote: Write access to repository not granted.\nfatal: The requested URL returned error: 403";
    vi.mocked(exec).mockResolvedValue({ code: 1, stdout: "", stderr: said } as never);
    const container: Pick<Container, "withEnvVariable"> = { withEnvVariable: () => container as Container };
    const refused = runGit(place as GitRemote, container as Container, script);
    await expect(refused).rejects.toThrow(
      `does not let robot ${action}: the token needs ${access} access to the repository's contents.`,
    );
  });

  it("says which token may change a workflow, and that nothing was changed", () => {
    const { message } = explain(
      "refusing to allow a GitHub App to create or update workflow `a.yml` without `workflows` permission",
    );
    expect(message).toMatch(/may not\. Nothing was changed in git\. Next: .*--git-token .*scope workflow/);
  });

  it("says what to do, and shows neither hints nor credentials", () => {
    const said = [
      "hint: Updates were rejected because the remote contains work that you do not have locally.",
      "remote: error: GH006: Protected branch update failed for refs/heads/main.",
      "error: failed to push some refs to 'https://robot:s3cret@github.com/a/b'",
    ].join("\n");
    const { message } = explain(said);
    expect(message).toContain("does not let robot push to main, which is protected");
    expect(message).toContain("pull request");
    expect(message).not.toMatch(/hint|s3cret/);
  });
});

it("names the branch that is in the way, which may be the longer one", () => {
  const said = (there: string, wanted: string) =>
    `remote: error: cannot lock ref 'refs/heads/${wanted}': 'refs/heads/${there}' exists; cannot create 'refs/heads/${wanted}'`;
  const words = (there: string, branch: string) => explainGitError(said(there, branch), { ...place, branch }).message;
  expect(words("release", "release/prod-v0.3.0")).toContain("there is one called release, and");
  expect(words("prod/hotfix", "prod")).toContain("there is one called prod/hotfix, and");
});

describe("what a server did not answer", () => {
  const silence = () => new GitError("unreachable", "no answer", true);
  const times = (...outcomes: (string | GitError)[]) => {
    const attempt = vi.fn(async () => {
      const outcome = outcomes.shift();
      if (typeof outcome === "string") return outcome;
      throw outcome;
    });
    const lines: string[] = [];
    return { attempt, lines, done: retried(attempt, "clusters/dev/release.yaml", { log: (line) => lines.push(line) }) };
  };

  it("may have arrived when it was a push: it is looked at once more", async () => {
    const { attempt, lines, done } = times(silence(), "there already");
    expect(await done).toBe("there already");
    expect(attempt).toHaveBeenCalledTimes(2);
    expect(lines).toEqual([expect.stringMatching(/did not answer the push, and may have taken it; once more/)]);
  });

  it("is given up the second time, and at once when nothing was pushed", async () => {
    const again = times(silence(), silence(), "never asked");
    await expect(again.done).rejects.toThrow("no answer");
    expect(again.attempt).toHaveBeenCalledTimes(2);
    const reading = times(new GitError("unreachable", "no answer"));
    await expect(reading.done).rejects.toThrow("no answer");
    expect(reading.attempt).toHaveBeenCalledTimes(1);
  });

  it("is known by git's words, of a push only", () => {
    const hungUp = "fatal: the remote end hung up unexpectedly";
    expect(explainGitError(hungUp, { ...place, pushes: true }).mayHaveArrived).toBe(true);
    expect(explainGitError(hungUp, place).mayHaveArrived).toBe(false);
  });
});
