import { describe, expect, it } from "vitest";
import {
  environment,
  environments,
  infrastructureOf,
  REGION,
  withReleaseFile,
} from "../../pipeline/src/environments.js";

describe("environments", () => {
  it("are local, dev and prod, and local runs what dev runs", () => {
    expect(environments).toEqual([
      {
        name: "local",
        region: REGION,
        cluster: "local-helloworld",
        namespace: "helloworld",
        releaseFile: "clusters/dev/release.yaml",
        helmRelease: "helloworld",
      },
      {
        name: "dev",
        region: REGION,
        cluster: "dev-helloworld",
        namespace: "helloworld",
        releaseFile: "clusters/dev/release.yaml",
        helmRelease: "helloworld",
      },
      {
        name: "prod",
        region: REGION,
        cluster: "prod-helloworld",
        namespace: "helloworld",
        releaseFile: "clusters/prod/release.yaml",
        helmRelease: "helloworld",
      },
    ]);
  });

  it("have infrastructure of their own, but for local", () => {
    expect(infrastructureOf("dev").cluster).toBe("dev-helloworld");
    expect(() => infrastructureOf("local")).toThrow(/local has no infrastructure: use dev or prod/);
  });

  it("have a release file of their own, but for local", () => {
    expect(withReleaseFile("prod").releaseFile).toBe("clusters/prod/release.yaml");
    expect(() => withReleaseFile("local")).toThrow(/local has no release file of its own: it runs what clusters\/dev/);
  });

  it("finds one by its name", () => {
    expect(environment("prod").releaseFile).toBe("clusters/prod/release.yaml");
  });

  it.each([
    ["staging", 'There is no environment "staging". Known: local, dev, prod.'],
    ["", 'There is no environment "". Known: local, dev, prod.'],
    ["constructor", 'There is no environment "constructor". Known: local, dev, prod.'],
    ["Dev ", 'There is no environment "Dev ". Known: local, dev, prod. Did you mean dev?'],
  ])("refuses %j and lists the known ones", (name, message) => {
    expect(() => environment(name)).toThrow(new Error(message));
  });
});
