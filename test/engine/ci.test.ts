// The main job on a real Kubernetes node: what passes, what is stopped and why, and that nothing is left half done.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { call, passing, repository, start } from "./daggerw.js";

const args = (tag: string) => ["ci", "--env", "local", "--tag", tag];
const ci = (tag: string) => call(...args(tag));
const prodFile = () => readFileSync(join(repository, "clusters/prod/release.yaml"), "utf8");
const untouched = prodFile();

afterEach(() => {
  expect(prodFile()).toBe(untouched);
});

describe("ci --env local", () => {
  it("deploys, upgrades without a failed request, checks and proposes prod's change, also with port 8080 busy here", async () => {
    const server = createServer((_, response) => void response.end()).listen(8080);
    const { stdout } = await passing(...args("v0.2.0")).finally(() => server.close());
    for (const step of [
      "release files",
      "cluster",
      "image",
      "deploy v0.1.0",
      "deploy v0.2.0",
      "end to end",
      "bump prod",
    ]) {
      expect(stdout).toMatch(new RegExp(`\\| ${step} +\\| passed`));
    }
    expect(stdout).toMatch(/deploy v0\.1\.0 +\| passed +\|[^|]*\| by Flux/);
    expect(stdout).toMatch(/ is out after .*\d\d+ requests in .* 0 failed,.*v0\.1\.0 from .*v0\.2\.0 from/);
    expect(stdout).toContain("```mermaid\ngantt");
    expect(stdout).toMatch(/^\+ +tag: "v0\.2\.0"$/m);
  });

  it("passes twice at the same time", async () => {
    await Promise.all([passing(...args("v0.2.0")), passing("test-chart")]);
  });

  it("says in seconds that the registry doesn't have a tag, and which it has", async () => {
    const { exitCode, stderr } = await ci("v7.0.0");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("ghcr.io has no ghcr.io/damekarv/helloworld:v7.0.0");
    expect(stderr).toContain("v0.2.0, v0.1.0");
    expect(stderr).toMatch(/\| deploy v7\.0\.0 +\| skipped/);
  });

  it.each([
    ["v0.9.0", "crashes at start", [/exited \d times with code 1/, /Last log lines/, /DATABASE_URL is missing/]],
    ["v0.9.1", "is never ready", [/readiness/i]],
    ["v0.9.2", "answers 500", [/success-rate was 0\.00 and must be at least 99/, /primary goes on serving v0\.1\.0/]],
    ["v0.9.3", "is too slow", [/latency-p99 was \d[\d.]* and must be at most 0\.5/]],
  ])("stops %s, which %s, with the cause", async (tag, _, messages) => {
    const { exitCode, stderr, seconds } = await ci(tag);
    expect(exitCode).not.toBe(0);
    for (const message of messages) expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\| bump prod +\| skipped/);
    expect(stderr).toMatch(/The chain:\n +GitRepository flux-system\/flux-system: has main@/);
    expect(seconds).toBeLessThan(280); // long before the release's own limit; Flux tries a version that fails its tests once more
  });

  it("says that a registry which can't be reached doesn't answer, or refuses a wrong token", async () => {
    const { exitCode, stderr } = await start(
      [
        "-s",
        "call",
        "ci",
        "--env",
        "local",
        "--tag",
        "v0.2.0",
        "--registry-username",
        "nobody",
        "--registry-password",
        "env:WRONG",
      ],
      { WRONG: "wrong-token-1234" },
    ).outcome;
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/ghcr\.io (does not answer|refuses)/);
    expect(stderr).not.toContain("wrong-token-1234");
  });

  it("asks for a kubeconfig where it needs one", async () => {
    const { exitCode, stderr } = await call("deploy", "--env", "dev");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("dev needs a kubeconfig or AWS credentials: --kubeconfig");
  });

  it("ends with 130 on Ctrl-C, leaves the repository as it was, and runs again", async () => {
    const before = execFileSync("git", ["status", "--porcelain"], { cwd: repository, encoding: "utf8" });
    const running = start(["--progress=plain", "call", "test-chart"]);
    await running.says("install …");
    running.signal("SIGINT");
    const { exitCode } = await running.outcome;
    expect(exitCode).toBe(130);
    expect(execFileSync("git", ["status", "--porcelain"], { cwd: repository, encoding: "utf8" })).toBe(before);
    expect(await call("test-chart", "--tag", "v0.2.0")).toMatchObject({ exitCode: 0 });
  });
});
