// What keeps the pins current finds them: a row that is written in another way would grow old unseen.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { images } from "../../pipeline/src/images.js";

interface Manager {
  managerFilePatterns: string[];
  matchStrings: string[];
}

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const managers: Manager[] = JSON.parse(read("renovate.json")).customManagers;

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
