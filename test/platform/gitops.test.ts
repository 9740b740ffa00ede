// Flux on a real node, from a git server of the run: all on one node, in the order of its life (scenarios/gitops.ts).
import { beforeAll, describe, expect, it } from "vitest";
import { scenario } from "../engine/scenario.js";

let results: Record<string, unknown>;

beforeAll(async () => {
  results = JSON.parse(await scenario("gitops"));
});

describe("Flux on the node", () => {
  it("installs by itself what the working tree says", () => {
    expect(results.installed).toBe("v0.1.0");
  });

  it("follows a commit, and no request fails meanwhile", () => {
    expect(results.upgraded).toEqual({
      tag: "v0.2.0",
      changed: true,
      summary: expect.stringMatching(/^\d+ requests in .*, 0 failed.*v0\.1\.0 from .*v0\.2\.0 from/),
    });
  });

  it("names file and line of a release file that is broken in git, and takes the mended one", () => {
    expect(results["a broken release file"]).toMatch(/^Kustomization flux-system\/flux-system can't come good/);
    expect(results["a broken release file"]).toMatch(/clusters\/dev\/release\.yaml:5\d/);
    expect(results.mended).toBe("out");
  });

  it("takes a commit that came before the git server was away for 20 s, once it is back", () => {
    expect(results["the git server is away for 20 s"]).toEqual({
      tag: "v0.1.0",
      pushed: expect.stringMatching(/does not answer|not to be trusted/),
    });
  });
});

describe("a commit", () => {
  it("is not made twice for the same tag", () => {
    expect(results["the same tag again"]).toEqual({ changed: false, same: true, more: 0 });
  });

  it("of each of five clients gets in when they push at the same time, and none is forced", () => {
    expect(results["five clients at once"]).toEqual({ commits: 5, isLinear: true, all: true });
  });

  it.each([
    ["a wrong password", /does not accept the password of git/],
    [
      "no such repository",
      /There is no repository at https:\/\/github\.com\/damekarv\/helloworld-infrastructure-other/,
    ],
    ["no such branch", /has no branch other/],
    ["no such file", /has no file clusters\/dev\/nothing\.yaml/],
    ["an untrusted server", /is not to be trusted/],
    ["no such server", /git\.nowhere\.invalid\/a\/b does not answer/],
  ])("says what is wrong with %s", (name, words) => {
    expect(results[name]).toMatch(words);
  });
});
