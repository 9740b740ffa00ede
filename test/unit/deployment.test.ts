// A deployment by Helm, and whom it must not get in the way of.
import { describe, expect, it } from "vitest";
import { refuseFlux } from "../../pipeline/src/deployment.js";
import { environment } from "../../pipeline/src/environments.js";
import type { Cluster, ClusterObject } from "../../pipeline/src/kubernetes.js";

const clusterWith = (found?: ClusterObject) => ({ findObject: async () => found }) as unknown as Cluster;
const release = (suspend?: boolean) => clusterWith({ kind: "HelmRelease", spec: { suspend } } as ClusterObject);

describe("a deployment by Helm", () => {
  it("is refused where Flux brings the release out, with the calls that do it there", async () => {
    await expect(refuseFlux(release(), environment("dev"))).rejects.toThrow(
      /would undo what Helm does\. Nothing was changed\. Next: `ci --env dev`, or `rollback --env dev`; or, .*flux -n helloworld suspend helmrelease helloworld$/,
    );
    await expect(refuseFlux(release(), environment("prod"))).rejects.toThrow(
      "Next: `promote`, or `rollback --env prod`",
    );
  });

  it("is let through where Flux has no such release, or has it suspended", async () => {
    await refuseFlux(clusterWith(), environment("dev"));
    await refuseFlux(release(true), environment("dev"));
  });
});
