// What the main job stops on a real Kubernetes node, and what it says of the cause.
import { describe, expect, it } from "vitest";
import { call, start } from "./daggerw.js";
import { keepsProdFile } from "./prodFile.js";

const ci = (tag: string) => call("ci", "--env", "local", "--tag", tag);
keepsProdFile();

describe("ci --env local", () => {
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
});
