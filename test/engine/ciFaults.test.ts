// What the main job stops on a real Kubernetes node, and what it says of the cause: faulty versions one after the other, on one
// node that is known by its kubeconfig only.
import { beforeAll, describe, expect, it } from "vitest";
import { call, daggerw } from "./daggerw.js";
import { keepsProdFile } from "./prodFile.js";
import { scenario } from "./scenario.js";

const CHAIN = /The chain:\n +GitRepository flux-system\/flux-system: has main@/;
/** What every version that fails comes with: its pods' state, events and last log lines. */
const EVIDENCE = [
  /pod helloworld-\S+: Running/,
  /container helloworld: /,
  /Events:\n[\s\S]*Normal Started.*: .*\n[\s\S]*Last log lines/,
  /Last log lines of helloworld-\S+\/helloworld:\n.*helloworld: /,
];
/** A kubeconfig in whose place nobody listens. */
const UNREACHABLE = `apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {token: none}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
current-context: none
`;
/** The least that a release may take until it is waited for no longer, in seconds; with Flagger's analysis it is more. */
const RELEASE_TIMEOUT_SECONDS = 300;
keepsProdFile();

describe("ci --env dev", () => {
  let results: Record<string, string>;

  beforeAll(async () => {
    // First those that are analysed to the end: what is taken back within an analysis has Flagger analyse the next way back too.
    const tags = ["v0.9.2", "v0.9.3", "v0.9.0", "v0.9.1"];
    results = JSON.parse(await scenario("faults", ...tags.flatMap((tag) => ["--tags", tag])));
  });

  it("says in one go that the registry does not answer, or refuses a wrong token, and that there is no cluster", async () => {
    const login = [
      "--registry-username",
      "nobody",
      "--registry-password",
      "env:WRONG",
      "--kubeconfig",
      "env:KUBECONFIG",
    ];
    const env = { WRONG: "wrong-token-1234", KUBECONFIG: UNREACHABLE };
    const args = ["ci", "--env", "dev", "--tag", "v0.2.0", ...login];
    const { exitCode, stderr } = await daggerw(["-s", "call", ...args], env);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/ghcr\.io (does not answer|refuses)/);
    expect(stderr).toContain("127.0.0.1:1");
    expect(stderr).not.toContain("wrong-token-1234");
  });

  it.each([
    [
      "v0.9.0",
      "crashes at start",
      [
        /exited \d times with code 1/,
        /container helloworld: .*ended with code 1 \(Error\)/,
        /Last log lines of helloworld-\S+\/helloworld:\n.*DATABASE_URL is missing/,
      ],
    ],
    [
      "v0.9.1",
      "is never ready",
      // Flagger may give it up first, and end its pods.
      [
        /readiness|pods did not get ready/i,
        /container helloworld: running, not ready/,
        /Warning Unhealthy.*: Readiness probe failed: HTTP probe failed with statuscode: 503/,
      ],
    ],
    ["v0.9.2", "answers 500", [/success-rate was 0\.00 and must be at least 99/, /primary goes on serving v0\.1\.0/]],
    ["v0.9.3", "is too slow", [/latency-p99 was \d[\d.]* and must be at most 0\.5/]],
  ])("stops %s, which %s, with the cause, and takes it back", (tag, _, messages) => {
    for (const message of [...messages, ...EVIDENCE]) expect(results[tag]).toMatch(message);
    const [, seconds] = /can't come good \(given up after (\d+) s\)/.exec(results[tag] ?? "") ?? [];
    expect(Number(seconds)).toBeLessThan(RELEASE_TIMEOUT_SECONDS / 2);
    expect(results[tag]).toMatch(/\| bump prod +\| skipped/);
    expect(results[tag]).toMatch(/\| take v0\.9\.\d back +\| passed .*v0\.1\.0 again, by/);
    expect(results[tag]).toMatch(CHAIN);
  });

  it("leaves prod's release file in git alone", () => {
    expect(results.files).toEqual({ dev: "v0.1.0 after 9 commits", prod: "v0.1.0 after 1 commits" });
  });
});

describe("ci --env local", () => {
  it("says in seconds that the registry doesn't have a tag, and which it has", async () => {
    const { exitCode, stderr, seconds } = await call("ci", "--env", "local", "--tag", "v7.0.0");
    expect(exitCode).not.toBe(0);
    // What it takes is its node, which starts meanwhile; a release would be waited for.
    expect(seconds).toBeLessThan(60);
    expect(stderr).toMatch(/ghcr\.io has no ghcr\.io\/\S+:v7\.0\.0/);
    expect(stderr).toContain("v0.2.0, v0.1.0");
    expect(stderr).toMatch(/\| deploy v7\.0\.0 +\| skipped/);
    expect(stderr).toMatch(/\| bump prod +\| skipped/);
  });
});

describe("test-chart", () => {
  it("stops a version that answers 500, with the cause, as it is typed", async () => {
    const { exitCode, stderr } = await call("test-chart", "--tag", "v0.9.2");
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/\| upgrade +\| failed +\|/);
    expect(stderr).toMatch(/Requests failed during the upgrade: .*500/s);
    for (const message of EVIDENCE) expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\| uninstall +\| skipped/);
  });
});
