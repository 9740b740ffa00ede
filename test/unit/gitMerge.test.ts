// How a branch stands to a commit of the trunk, and what a merge makes of it, with the git of this machine.
import { execFileSync, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { GitRemote } from "../../pipeline/src/git.js";
import { commitsAhead, mergeTo } from "../../pipeline/src/gitMerge.js";
import { temporaryFolder } from "./temporary.js";

/** Stands for a container: the variables that a script gets. */
class Variables {
  readonly env: Record<string, string>;
  constructor(env: Record<string, string>) {
    this.env = env;
  }
  withEnvVariable(name: string, value: string): Variables {
    return new Variables({ ...this.env, [name]: value });
  }
}

vi.mock(import("../../pipeline/src/git.js"), async (original) => ({
  ...(await original()),
  gitContainer: ({ branch }) => new Variables({ URL: origin, BRANCH: branch }) as never,
  runGit: async (_, container, script) => {
    const { env } = container as unknown as Variables;
    const run = spawnSync("sh", ["-c", script.replaceAll("/work", clone)], { env: { ...isolated, ...env } });
    expect(`${run.stderr}`).toBe("");
    return { code: run.status, stdout: `${run.stdout}`, stderr: "", container } as never;
  },
}));

const isolated = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1", HOME: "/nonexistent" };
const author = "Somebody <somebody@example.com>";
const remote = { url: "https://github.com/owner/name", branch: "main" } as GitRemote;
let folder: string;
let origin: string;
let clone: string;
let first: string;
let second: string;

const git = (...args: string[]) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", ...args], {
    encoding: "utf8",
    env: isolated,
  }).trim();

function commit(text: string): string {
  writeFileSync(join(folder, "release.yaml"), text);
  git("add", ".");
  git("commit", "--quiet", "--message", text);
  return git("rev-parse", "HEAD");
}

const look = async (commit: string, target = "prod") => {
  rmSync(clone, { recursive: true, force: true });
  return await commitsAhead(remote, { target, commit, pushes: true });
};
const merge = async (commit: string) => {
  const { head: from } = await look(commit);
  return await mergeAt(commit, from);
};
const mergeAt = async (commit: string, from: string | undefined) => {
  rmSync(clone, { recursive: true, force: true });
  return await mergeTo(remote, { target: "prod", commit, from, author, message: "Promote", log: () => undefined });
};

beforeEach(() => {
  folder = temporaryFolder();
  origin = join(folder, ".git");
  clone = join(temporaryFolder(), "clone");
  git("init", "--quiet", "--initial-branch=main");
  first = commit("v0.1.0");
  second = commit("v0.2.0");
});

describe("a branch that has had a later commit of the trunk", () => {
  const refused = /^The branch prod of https:.* has had [0-9a-f]{7}, which came after [0-9a-f]{7}\. It was left alone/;

  beforeEach(async () => {
    git("branch", "prod", first);
    await merge(second);
  });

  it("is told when it is looked at, before anything is done with the commit", async () => {
    await expect(look(first)).rejects.toThrow(refused);
    await expect(look(first)).rejects.toThrow(`${second.slice(0, 7)}, which came after ${first.slice(0, 7)}`);
  });

  it("is left alone by a merge, where it got that one since it was looked at", async () => {
    const head = git("rev-parse", "prod");
    await expect(mergeAt(first, head)).rejects.toThrow(refused);
    expect(git("rev-parse", "prod")).toBe(head);
  });
});

describe("a commit that the branch may get", () => {
  it("is a later one, with those before it", async () => {
    git("branch", "prod", first);
    const { head, commits } = await look(second);
    expect(head).toBe(first);
    expect(commits).toEqual([{ sha: second, subject: "v0.2.0" }]);
  });

  it("is the one that it got last, once more", async () => {
    git("branch", "prod", first);
    const { sha } = await merge(second);
    expect(await look(second)).toEqual({ head: sha, commits: [] });
    expect(await merge(second)).toEqual({ sha, changed: false });
  });

  it("is an older one whose files it has again", async () => {
    git("branch", "prod", first);
    await merge(commit("v0.3.0"));
    const reverted = commit("v0.2.0");
    const { sha } = await merge(reverted);
    expect(await merge(second)).toEqual({ sha, changed: false });
  });

  it("is one that was taken back", async () => {
    git("branch", "prod", first);
    await merge(second);
    git("checkout", "--quiet", "prod");
    const back = commit("v0.1.0");
    git("checkout", "--quiet", "main");
    expect(await look(second)).toEqual({ head: back, commits: [] });
    expect(await merge(second)).toMatchObject({ changed: true });
  });

  it("is any one of a trunk that the environment follows itself, and of a branch that is not there yet", async () => {
    expect(await look(first, "main")).toEqual({ head: second, commits: [] });
    expect(await look(first)).toEqual({ head: undefined, commits: [] });
    expect(await merge(first)).toEqual({ sha: first, changed: true });
  });
});
