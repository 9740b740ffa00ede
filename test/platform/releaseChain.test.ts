// Flux's own controllers and a git server, on a node: where a release is stuck is named, with its cause.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { repository } from "../engine/daggerw.js";
import { scenario } from "../engine/scenario.js";

const { image } = parse(readFileSync(join(repository, "appManifests/values.yaml"), "utf8"));

it("names the link that can't come good, and status points at it", async () => {
  const results: Record<string, string> = JSON.parse(await scenario("release-chain"));
  expect(results.first).toBe("v0.1.0 is out");
  expect(results["status: well"]).toContain("## local: all is well");
  expect(results["status: well"]).toMatch(/\| HelmRelease helloworld\/helloworld +\| ready/);
  expect(results["status: well"]).toMatch(/\| Canary helloworld\/helloworld +\| ready/);

  expect(results["invalid field"]).toMatch(/^Kustomization flux-system\/flux-system can't come good/);
  expect(results["invalid field"]).toContain("The API server refuses HelmRelease/helloworld/helloworld");
  expect(results["invalid field"]).toContain('spec.interval: Invalid value: "soon"');
  expect(results["status: invalid field"]).toContain("**Look first at:** Kustomization flux-system/flux-system");

  expect(results["no such folder"]).toMatch(/^HelmChart helloworld\/helloworld-helloworld can't come good/);
  expect(results["no such folder"]).toContain("InvalidChartReference");

  expect(results["wrong values"]).toMatch(/^HelmRelease helloworld\/helloworld can't come good/);
  expect(results["wrong values"]).toContain("minReplicas");
  expect(results.mended).toBe("v0.1.0 is out");

  expect(results["no such tag"]).toMatch(/^Deployment helloworld\/helloworld can't come good/);
  expect(results["no such tag"]).toContain(`The image ${image.repository}:v7.0.0 does not exist`);
  expect(results["status: no such tag"]).toContain("**Look first at:**");

  expect(results.suspended).toContain("The HelmRelease helloworld/helloworld is suspended");
  expect(results.suspended).toContain("flux -n helloworld resume helmrelease helloworld");
  expect(results["status: suspended"]).toMatch(/\| HelmRelease helloworld\/helloworld +\| suspended/);
}, 900_000);
