import { describe, expect, it } from "vitest";
import { environment, environments } from "../../pipeline/src/environments.js";

describe("environments", () => {
  it("are local, dev and prod, and local runs what dev runs", () => {
    expect(environments).toEqual([
      {
        name: "local",
        cluster: "local-helloworld",
        namespace: "helloworld",
        releaseFile: "clusters/dev/release.yaml",
        helmRelease: "helloworld",
      },
      {
        name: "dev",
        cluster: "dev-helloworld",
        namespace: "helloworld",
        releaseFile: "clusters/dev/release.yaml",
        helmRelease: "helloworld",
      },
      {
        name: "prod",
        cluster: "prod-helloworld",
        namespace: "helloworld",
        releaseFile: "clusters/prod/release.yaml",
        helmRelease: "helloworld",
      },
    ]);
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
