// Flux on a real node, from a git server of the run: all on one node, in the order of its life (scenarios/gitops.ts).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { repository } from "../engine/daggerw.js";
import { scenario } from "../engine/scenario.js";

const { url } = parse(readFileSync(join(repository, "clusters/dev/gitrepository.yaml"), "utf8")).spec;

let results: Record<string, unknown>;

beforeAll(async () => {
  results = JSON.parse(await scenario("gitops"));
});

describe("Flux on the node", () => {
  it("installs by itself what the working tree says", () => {
    expect(results.installed).toBe("v0.1.0");
  });

  it("reads a private repository with the credentials of the run, and takes objects of External Secrets", () => {
    expect(results["of a private repository"]).toEqual({
      secret: "git-credentials",
      revision: expect.stringMatching(/^main@sha1:/),
      external: true,
    });
  });

  it("takes an object of a kind that clusters/local brings", () => {
    expect(results["a kind of its own"]).toBe("web");
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

  it("is refused by git with the secret to renew, and takes the commit with the right password", () => {
    expect(results["git refuses Flux"]).toMatch(/^GitRepository flux-system\/flux-system can't come good/);
    expect(results["git refuses Flux"]).toMatch(
      /The git server refuses Flux's credentials for https:\/\/github\.com\/.*renew the secret flux-system in flux-system/s,
    );
    expect(results["git refuses Flux"]).not.toContain("wrong-password-1234");
  });

  it("takes a commit that came before the git server was away for 20 s, once it is back", () => {
    expect(results["the git server is away for 20 s"]).toEqual({
      tag: "v0.1.0",
      pushed: expect.stringMatching(/does not answer|not to be trusted/),
    });
  });
});

describe("what somebody changes by hand", () => {
  const rows = {
    field: "| Deployment helloworld/helloworld | `spec.progressDeadlineSeconds` | 120 | 17 |",
    added: '| Deployment helloworld/helloworld | `metadata.annotations.note` | not set | "mine" |',
    label: '| Namespace helloworld | `metadata.labels.environment` | "dev" | "prod" |',
    selector: '| Service helloworld/flagger-loadtester | `spec.selector.app` | "loadtester" | "nobody" |',
    ofHelm: "| HorizontalPodAutoscaler helloworld/helloworld | | is there | is gone |",
    ofFlux: "| Service monitoring/kube-prometheus-stack-prometheus | | is there | is gone |",
  };

  it("is found by cluster-drift, each field and each object, and nothing else is", () => {
    const { before, found } = results["changed by hand"] as { before: string[]; found: string[] };
    expect(before).toEqual([]);
    expect([...found].sort()).toEqual(Object.values(rows).sort());
  });

  it("is put back by Flux once it looks, but for what git does not name", () => {
    expect(results["changed by hand"]).toMatchObject({
      left: [rows.added],
      drift: expect.stringContaining("put back"),
      after: [],
    });
    expect((results["changed by hand"] as { seconds: number }).seconds).toBeLessThan(60);
  });
});

describe("a release that is disturbed", () => {
  const noneFailed = expect.stringMatching(/^\d+ requests in .*, 0 failed/);

  it("is the last of two tags that were pushed within a second, and the first is told who overtook it", () => {
    const result = results["two tags within a second"] as Record<string, string | number>;
    expect(result).toMatchObject({ tag: "v0.2.0" });
    expect(result.milliseconds).toBeLessThan(1000);
    expect(result.overtaken).toMatch(/^HelmRelease helloworld\/helloworld can't come good/);
    expect(result.overtaken).toContain(
      `The commit ${`${result.second}`.slice(0, 7)} brought the tag v0.2.0, not v0.9.2`,
    );
  });

  it("comes out although helm-controller was killed in the middle of it, and no request fails", () => {
    expect(results["helm-controller ends in an upgrade"]).toMatchObject({
      during: "pending-upgrade",
      left: expect.stringMatching(/^(pending-upgrade|failed)$/),
      tag: "v0.1.0",
      summary: noneFailed,
    });
  });

  it("is told as suspended, and comes out once it is resumed", () => {
    expect(results.suspended).toMatchObject({
      told: expect.stringContaining("flux -n helloworld resume helmrelease helloworld"),
      status: expect.stringMatching(/\| HelmRelease helloworld\/helloworld +\| suspended/),
      drift: ["| HelmRelease helloworld/helloworld | `spec.suspend` | not set | true |"],
      tag: "v0.2.0",
      after: [],
    });
  });

  it("is told that the registry refuses to give its image, and no request fails when the tag before comes back", () => {
    expect(results["the registry refuses"]).toEqual({
      told: expect.stringMatching(/can't come good[\s\S]*401[\s\S]*ghcr-secret/),
      tag: "v0.2.0",
      summary: noneFailed,
    });
  });

  it("comes out although the registry was away for 20 s, and no request fails", () => {
    expect(results["the registry is away for 20 s"]).toMatchObject({
      tag: "v0.1.0",
      said: expect.stringMatching(/EOF|reset|refused|server closed idle connection/),
      summary: noneFailed,
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
    ["no such repository", `There is no repository at ${url}-other`],
    ["no such branch", /has no branch other/],
    ["no such file", /has no file clusters\/dev\/nothing\.yaml/],
    ["an untrusted server", /is not to be trusted/],
    ["no such server", /git\.nowhere\.invalid\/a\/b does not answer/],
  ])("says what is wrong with %s", (name, words) => {
    expect(results[name]).toMatch(words);
  });
});
