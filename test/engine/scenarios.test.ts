// Real registries and nodes in situations that no argument of the public functions brings about (scenarios/index.ts).
import { describe, expect, it } from "vitest";
import { scenario } from "./scenario.js";

describe("a registry", () => {
  it("is understood, whatever it answers, and its password is in no message", async () => {
    const text = await scenario("registry");
    expect(JSON.parse(text)).toEqual({
      good: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      tags: expect.stringContaining("v0.2.0,v0.1.0"),
      "no such tag": expect.stringMatching(/there is no such tag\. The newest that it has: .*v0\.2\.0/),
      "no such repository": expect.stringContaining("ghcr.io/damekarv/other"),
      "wrong password": expect.stringMatching(/401.*GHCR_PAT with read:packages/),
      "no password": expect.stringMatching(/401.*ghcr-secret/),
      "no registry": expect.stringContaining("nowhere.invalid does not answer"),
    });
  });
});

describe("a registry with tokens, pages and limits, as GHCR", () => {
  it("is watched for the newest version that dev does not have", async () => {
    const text = await scenario("watch");
    expect(JSON.parse(text)).toEqual({
      newest: "v0.9.4",
      log: expect.stringMatching(
        /v0\.9\.4 is new; [\s\S]*over v1\.0\.0-rc\.1: a pre-release[\s\S]*over latest: no version/,
      ),
      lists: "6", // ten tags, two on a page, and an empty one
      except: "v0.2.0",
      annotation: "v0.2.0",
      nothing: '""',
      busy: "v0.9.4",
      "busy for long": expect.stringMatching(/too many requests \(429; .*try again in 60 min/),
      "wrong token": expect.stringMatching(/401 Unauthorized\): the user's name or the token is wrong/),
      "may not read": expect.stringMatching(/403 Forbidden\): the token may not read this package/),
      "no token": expect.stringMatching(/401 Unauthorized\): it was asked without a log-in.*GHCR_PAT/),
      public: "v0.9.4",
    });
  });
});

describe("a node that can't serve", () => {
  it("says why it ended, and is noticed at the first refusal of a pull, with what to do", async () => {
    const results = JSON.parse(await scenario("pull-refused"));
    expect(results["ended node"]).toMatch(/kube-apiserver has ended:[\s\S]*\/nowhere\.yaml/);
    for (const name of ["no secret", "wrong password"]) {
      expect(results[name]).toContain("ghcr-secret");
      expect(results[name]).toMatch(/401|403/);
      expect(results[name]).toContain("GHCR_PAT");
    }
    expect(results["no such tag"]).toMatch(/v7\.0\.0/);
    expect(results["no such tag"]).toMatch(/not found|does not exist|no such/i);
    expect(results.good).toBe("deployed");
  });
});

describe("ci --env dev", () => {
  it("deploys to the cluster of a kubeconfig, at first and as an upgrade", async () => {
    const text = await scenario("dev");
    expect(text.match(/\*\*Passed\*\*/g)).toHaveLength(2);
    expect(text).toMatch(/deploy v0\.1\.0 +\| passed +\|[^|]*\|[^|]*not under load/);
    expect(text).toMatch(/deploy v0\.2\.0 +\| passed +\|[^|]*\| 1 replicas; \d+ requests in .*, 0 failed/);
  });
});

describe("EKS", () => {
  it("is found and opened by AWS credentials alone, and its refusals say what to do", {
    timeout: 300_000,
  }, async () => {
    const said = JSON.parse(await scenario("eks"));
    const role = "arn:aws:iam::123456789012:role/helloworld-deploy-dev";
    expect(said).toEqual({
      whoami: expect.stringMatching(/account \| 123456789012[\s\S]*arn:aws:sts::123456789012:user\/moto[\s\S]*no end/),
      "whoami role": expect.stringMatching(/role helloworld-deploy-dev, session [\s\S]*in (119|120) min/),
      "no such cluster": expect.stringMatching(
        /no EKS cluster prod-helloworld .*123456789012.*there is dev-helloworld/,
      ),
      creating: expect.stringMatching(/dev-helloworld is CREATING and not ACTIVE\. Nothing was done/),
      "no access entry": expect.stringMatching(/\(401\).*no access entry for arn:aws:sts::123456789012:user\/moto/),
      "no access entry of a role": expect.stringContaining(`no access entry for ${role}`),
      admin: expect.stringMatching(/^v1\./),
      role: expect.stringMatching(/^v1\./),
      "no policy": expect.stringMatching(/\(403\): pods is forbidden[\s\S]*access entry of .*deploy-dev has no policy/),
      "ended session": expect.stringMatching(/^The AWS session ended at .*Log in again/),
      "token of 14 minutes": expect.stringMatching(/^v1\./),
      "token of 16 minutes": expect.stringContaining("(401)"),
      "another cluster's token": expect.stringContaining("(401)"),
      "forged token": expect.stringContaining("(401)"),
      deployed: "1 replicas",
      kubeconfig: expect.stringMatching(/^v1\./),
      "first token": expect.stringContaining("(401)"),
      "next token": expect.stringMatching(/^v1\./),
      pull: expect.stringMatching(/^ghcr\.io\/\S+:v[\d.]+@sha256:/),
      secret: "made helloworld/ghcr-secret",
      "secret again": "renewed helloworld/ghcr-secret",
      "secret of nobody": expect.stringMatching(/\(403\): secrets "ghcr-secret" is forbidden/),
      "secret is there": "kubernetes.io/dockerconfigjson",
      unreachable: expect.stringMatching(/does not answer: .*The cluster's API answers 0\.0\.0\.0\/0: is this machine/),
    });
  });
});
