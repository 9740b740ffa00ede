// Real registries and nodes in situations that no argument of the public functions brings about (scenarios/index.ts).
import { cpSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { copyWith } from "./copyWith.js";
import { call, repository } from "./daggerw.js";

const module = mkdtempSync(join(tmpdir(), "scenarios-"));

beforeAll(() => {
  cpSync(join(repository, "dagger.json"), join(module, "dagger.json"));
  for (const name of readdirSync(join(repository, "pipeline")).filter((name) => !/^(node_modules|sdk)$/.test(name))) {
    cpSync(join(repository, "pipeline", name), join(module, "pipeline", name), { recursive: true });
  }
  cpSync(join(repository, "test/engine/scenarios/index.ts"), join(module, "pipeline/src/index.ts"));
});

async function scenario(name: string): Promise<string> {
  const { exitCode, stdout, stderr } = await call("-m", module, name, "--source", copyWith({}));
  expect(stderr).not.toContain("Error");
  expect(exitCode).toBe(0);
  return stdout;
}

describe("a registry", () => {
  it("is understood, whatever it answers, and its password is in no message", async () => {
    const text = await scenario("registry");
    expect(text).not.toContain("wrong-password-1234");
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

describe("a node that may not pull", () => {
  it("is noticed at the first refusal, with what to do", async () => {
    const results = JSON.parse(await scenario("pull-refused"));
    for (const name of ["no secret", "wrong password"]) {
      expect(results[name]).toContain("ghcr-secret");
      expect(results[name]).toMatch(/401|403/);
      expect(results[name]).toContain("GHCR_PAT");
      expect(results[name]).not.toContain("wrong-password-1234");
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
