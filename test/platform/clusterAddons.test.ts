// What clusters/local/addons brings to a real node (scenarios/clusterAddons.ts). The embedded engine has their images only when
// somebody asked for them: ./daggerw engine addons
import { beforeAll, describe, expect, it } from "vitest";
import { daggerw } from "../engine/daggerw.js";
import { scenario } from "../engine/scenario.js";

const { stdout: status } = await daggerw(["engine", "status"]);
const isMissing = /^chosen +embedded/m.test(status) && /kube-router.*: not built/.test(status);

describe.skipIf(isMissing)("with kube-router and External Secrets", () => {
  let results: {
    installed: string;
    reached: Record<string, string[]>;
    "pull secret": { type: string; keys: string[]; owners: string[] };
    "v0.2.0": { phase: string; serves: string; said: string[] };
  };

  beforeAll(async () => {
    results = JSON.parse(await scenario("cluster-addons"));
    expect(results.installed).toBe("200 v0.1.0");
  });

  it("the application is reached from its own namespace and the ones that its policy names, and from no other", () => {
    // The application, Prometheus with Terraform's policy, and the API server, which has none: all three reach it.
    expect(results.reached).toEqual({
      helloworld: ["200 200 200"],
      ingress: ["200 000 200"],
      default: ["000 000 200"],
    });
  });

  it("the pull secret comes out of a secret store", () => {
    expect(results["pull secret"]).toEqual({
      type: "kubernetes.io/dockerconfigjson",
      keys: [".dockerconfigjson"],
      owners: ["ExternalSecret ghcr-secret"],
    });
  });

  it("a version is pulled with that secret, and judged through the policy by the load tester and Prometheus", () => {
    const { phase, serves, said } = results["v0.2.0"];
    // Flagger's own words where it is not so.
    expect({ phase, serves }, said.join("\n")).toEqual({ phase: "Succeeded", serves: "200 v0.2.0" });
  });
});
