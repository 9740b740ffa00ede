// What the application may expect of its cluster, on a real node with what clusters/local brings (scenarios/inCluster.ts).
import { beforeAll, describe, expect, it } from "vitest";
import { scenario } from "../engine/scenario.js";

let results: {
  installed: string;
  drain: {
    first: string;
    refused: Record<string, number>;
    replacement: string[];
    second: string;
    readyBefore: number;
    back: number;
    answers: Record<string, number>;
  };
  load: {
    scales: string;
    minReplicas: number;
    maxReplicas: number;
    idle: { desired: number; cpu: number };
    wanted: { desired: number; cpu: number; seconds: number };
    ready: number;
  };
};

beforeAll(async () => {
  results = JSON.parse(await scenario("in-cluster"));
  expect(results.installed).toBe("200 v0.1.0");
});

describe("a drain of the node", () => {
  it("may take one pod, and no second one while its replacement is not ready", () => {
    const { first, refused, replacement, second, readyBefore } = results.drain;
    expect(first).toBe("let");
    expect(Object.keys(refused)).toEqual([expect.stringMatching(/\(429\): .*violate the pod's disruption budget/)]);
    expect(replacement).toEqual(["Pending"]);
    expect({ second, readyBefore }).toEqual({ second: "let", readyBefore: 1 });
  });

  it("ends with all pods back, and no request has failed", () => {
    expect(results.drain.back).toBe(2);
    expect(Object.keys(results.drain.answers)).toEqual(["200"]);
    expect(results.drain.answers["200"]).toBeGreaterThan(300);
  });
});

describe("the autoscaler", () => {
  it("is the one of the pods that serve, with the release file's numbers", () => {
    expect(results.load).toMatchObject({ scales: "helloworld-primary", minReplicas: 2, maxReplicas: 3 });
  });

  it("sees the CPU, and lets idle pods be", () => {
    expect(results.load.idle.desired).toBe(2);
    expect(results.load.idle.cpu).toBeLessThan(80);
  });

  it("makes more pods for a load within two minutes", () => {
    const { wanted, ready } = results.load;
    expect(wanted.cpu).toBeGreaterThan(80);
    expect(wanted.seconds).toBeLessThan(120);
    expect({ desired: wanted.desired, ready }).toEqual({ desired: 3, ready: 3 });
  });
});
