import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv, type ValidateFunction } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

/** The parts of a HelmRelease that the tests spoil. */
type HelmReleaseSpec = { upgrade: { strategy: object }; chart: { spec: object }; driftDetection: object };
type Manifest = { apiVersion: string; kind: string; [key: string]: unknown };

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");
const folder = "pipeline/schemas";
const schemas = readdirSync(root + folder).filter((name) => name.endsWith(".json"));

/** kubeconform's {{ .ResourceKind }}{{ .KindSuffix }}. */
function fileOf({ apiVersion, kind }: Manifest): string {
  const [group = "", version] = apiVersion.split("/");
  return `${[kind, group.split(".")[0], ...(version ? [version] : [])].join("-").toLowerCase()}.json`;
}

const compiled = new Map<string, ValidateFunction>();
function errors(manifest: Manifest): string[] {
  const file = fileOf(manifest);
  const validate =
    compiled.get(file) ??
    new Ajv({ allErrors: true, strictTypes: false, strictRequired: false, allowUnionTypes: true }).compile(
      JSON.parse(read(`${folder}/${file}`)),
    );
  compiled.set(file, validate);
  validate(manifest);
  return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

const manifests = ["dev", "prod"].flatMap((environment) =>
  readdirSync(`${root}clusters/${environment}`).map((name) => `clusters/${environment}/${name}`),
);

describe("the Flux objects of the environments", () => {
  test.each(manifests)("%s is valid", (path) => {
    expect(errors(parse(read(path)))).toEqual([]);
  });
});

test("there is a schema for every kind that a template renders", () => {
  const templates = `${root}appManifests/templates`;
  const kinds = (readdirSync(templates, { recursive: true }) as string[])
    .filter((name) => /\.(yaml|tpl)$/.test(name))
    .flatMap((name) => [...readFileSync(`${templates}/${name}`, "utf8").matchAll(/^apiVersion: (\S+)\nkind: (\S+)$/gm)])
    .map(([, apiVersion = "", kind = ""]) => fileOf({ apiVersion, kind }));
  expect(new Set(kinds).size).toBe(11);
  expect([...new Set(kinds)].filter((file) => !schemas.includes(file))).toEqual([]);
});

describe("a schema", () => {
  test.each(schemas)("%s stands alone, is closed and small, and knows its own kind", (file) => {
    const text = read(`${folder}/${file}`);
    const schema = JSON.parse(text);
    expect(text.length).toBeLessThan(64 * 1024);
    expect(text).not.toMatch(/"\$ref": ?"(?!#\/definitions\/)/);
    expect(text).not.toContain('"description":"');
    expect(schema.additionalProperties).toBe(false);
    const self = { apiVersion: schema.properties.apiVersion.const, kind: schema.properties.kind.const };
    expect(fileOf(self)).toBe(file);
    // Compiles, and refuses a field that no kind has.
    expect(errors({ ...self, metadata: { name: "x" }, typo: true }).join("\n")).toContain(
      '"additionalProperty":"typo"',
    );
  });
});

describe("mistakes in manifests", () => {
  const deployment = () => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "x", labels: { a: "b" } },
    spec: {
      selector: { matchLabels: { a: "b" } },
      template: {
        metadata: { labels: { a: "b" } },
        spec: { containers: [{ name: "x", image: "x:v1", ports: [{ containerPort: 8080 }] }] },
      },
    },
  });

  test("a right Deployment passes", () => {
    expect(errors(deployment())).toEqual([]);
  });

  test.each<[string, (d: ReturnType<typeof deployment>) => unknown, string]>([
    [
      "a misspelt field",
      (d) => Object.assign(d.spec.template.spec.containers[0] ?? {}, { imagePullPolice: "Always" }),
      "imagePullPolice",
    ],
    [
      "a port as text",
      (d) => Object.assign(d.spec.template.spec.containers[0]?.ports[0] ?? {}, { containerPort: "8080" }),
      "/containerPort must be integer",
    ],
    [
      "a label that is a number",
      (d) => Object.assign(d.metadata.labels, { a: 1 }),
      "/metadata/labels/a must be string",
    ],
    ["a name that DNS refuses", (d) => Object.assign(d.metadata, { name: "Hello_World" }), "/metadata/name must match"],
    [
      "a part without body",
      (d) => Object.assign(d.spec.template, { spec: null }),
      "/spec/template/spec must be object",
    ],
    ["a missing selector", (d) => Reflect.deleteProperty(d.spec, "selector"), "must have required property 'selector'"],
    ["an older version of the API", (d) => Object.assign(d.spec, { rollbackTo: { revision: 1 } }), "rollbackTo"],
  ])("%s", (_, spoil, message) => {
    const manifest = deployment();
    spoil(manifest);
    expect(errors(manifest).join("\n")).toContain(message);
  });

  test.each<[string, (spec: HelmReleaseSpec) => unknown, string]>([
    [
      "an unknown strategy",
      (spec) => Object.assign(spec.upgrade.strategy, { name: "Retry" }),
      "/spec/upgrade/strategy/name",
    ],
    [
      "a misspelt field",
      (spec) => Object.assign(spec.chart.spec, { reconcilStrategy: "Revision" }),
      "reconcilStrategy",
    ],
    [
      "an interval without unit",
      (spec) => Object.assign(spec, { interval: "10" }),
      "/spec/interval must match pattern",
    ],
    [
      "drift detection that YAML 1.1 reads as true",
      (spec) => Object.assign(spec.driftDetection, { mode: true }),
      "/mode",
    ],
  ])("%s in a HelmRelease", (_, spoil, message) => {
    const manifest = parse(read("clusters/dev/release.yaml"));
    spoil(manifest.spec);
    expect(errors(manifest).join("\n")).toContain(message);
  });
});
