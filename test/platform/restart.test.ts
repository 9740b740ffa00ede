// A node that is killed and started again with its state, on the real controllers (scenarios/restart.ts).
import { beforeAll, describe, expect, it } from "vitest";
import { scenario } from "../engine/scenario.js";

interface Restart {
  silent: string;
  serves: string;
  pods: number;
  addresses: [string, string];
  objects: number;
  lost: string[];
}

let results: Record<string, unknown>;

beforeAll(async () => {
  results = JSON.parse(await scenario("restart"));
  expect(results.installed).toBe("v0.1.0");
});

describe("a node that was killed and is started with its state", () => {
  it("is another container at another address, and the first one is gone", () => {
    const { silent, addresses } = results.killed as Restart;
    expect(silent).toContain("does not answer");
    expect(new Set(addresses.filter(Boolean)).size).toBe(2);
  });

  it("serves as before, and each pod runs in containers of its new life", () => {
    const { serves, pods } = results.killed as Restart;
    expect(serves).toBe("200 v0.1.0");
    // Flux has four, Flagger, Prometheus, metrics-server and CoreDNS one each; the application and its load tester.
    expect(pods).toBeGreaterThanOrEqual(10);
  });

  it("has lost no object: nothing was installed again, not even a pod", () => {
    const { objects, lost } = results.killed as Restart;
    expect(objects).toBeGreaterThan(30);
    expect(lost).toEqual([]);
  });

  it("brings a commit out that is made afterwards, and no request fails", () => {
    expect(results["a commit afterwards"]).toMatchObject({
      tag: "v0.2.0",
      changed: true,
      summary: expect.stringMatching(/^\d+ requests in .*, 0 failed.*v0\.1\.0 from .*v0\.2\.0 from/),
    });
  });

  it("finishes a release that it was killed in the middle of, and serves the old version until then", () => {
    expect(results["killed in the middle of a release"]).toMatchObject({
      during: "Progressing",
      serves: "200 v0.2.0",
      tag: "v0.1.0",
    });
    expect(results.drift).toEqual([]);
  });
});

describe("a state", () => {
  it("is of one running node", () => {
    expect(results["a second node with the same state"]).toContain("a cluster of this name is running: end that one");
    expect(results["removed while it runs"]).toMatch(/is running: end it first.*Nothing was removed/);
  });

  it("is not gone on with by a node of other images", () => {
    expect(results["a node of other images"]).toMatch(/of other images.*remove-cluster/);
  });

  it("is there until it is removed", () => {
    expect([results.removed, results["removed again"]]).toEqual([true, false]);
  });
});
