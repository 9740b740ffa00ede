import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

type Values = { [key: string]: unknown };

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");

const defaults = parse(read("appManifests/values.yaml")) as Values;
const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(
  JSON.parse(read("appManifests/values.schema.json")),
);

const isMap = (value: unknown): value is Values => typeof value === "object" && value !== null && !Array.isArray(value);

/** As Helm merges values: maps key by key, all else as a whole; null takes a key away. */
function merge(base: Values, over: Values): Values {
  const result = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === null) delete result[key];
    else result[key] = isMap(value) && isMap(result[key]) ? merge(result[key], value) : value;
  }
  return result;
}

function errors(over: Values): string[] {
  validate(merge(defaults, over));
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
  );
}

/** Every value with its dotted name; lists and empty maps are values, maps with keys are not. */
function flatten(values: Values, prefix = ""): Map<string, unknown> {
  const result = new Map<string, unknown>();
  for (const [key, value] of Object.entries(values)) {
    const free = isMap(value) && Object.keys(value).some((name) => name.includes("/"));
    if (isMap(value) && Object.keys(value).length > 0 && !free) {
      for (const [name, inner] of flatten(value, `${prefix}${key}.`)) result.set(name, inner);
    } else {
      result.set(prefix + key, value);
    }
  }
  return result;
}

describe("values that the schema accepts", () => {
  test("the defaults", () => {
    expect(errors({})).toEqual([]);
  });

  const variants = readdirSync(`${root}appManifests/ci`);
  test("there are variants, named as chart tools expect", () => {
    expect(variants.length).toBeGreaterThan(3);
    expect(variants.filter((name) => !name.endsWith("-values.yaml"))).toEqual([]);
  });
  test.each(variants)("ci/%s", (name) => {
    expect(errors(parse(read(`appManifests/ci/${name}`)) as Values)).toEqual([]);
  });

  test.each(["dev", "prod"])("clusters/%s/release.yaml", (environment) => {
    const release = parse(read(`clusters/${environment}/release.yaml`));
    expect(errors(release.spec.values)).toEqual([]);
  });

  test.each(["", "v0.1.0", "v10.20.30", "v1.2.3-rc.1"])("the tag %j", (tag) => {
    expect(errors({ image: { tag } })).toEqual([]);
  });

  test.each([
    "0.0.0.0/0",
    "10.0.0.0/8",
    "192.168.1.7/32",
    "::/0",
    "fd00:1::/64",
    "2001:db8::1/128",
    "::ffff:10.0.0.0/104",
  ])("the address range %s", (range) => {
    expect(errors({ networkPolicy: { allowedCIDRs: [range] } })).toEqual([]);
  });

  test.each<Values>([
    { key: "dedicated", operator: "Exists", value: "" },
    { key: "dedicated", value: "web", effect: "NoSchedule" },
    { operator: "Exists", effect: "NoExecute", tolerationSeconds: 0 },
  ])("the toleration %j", (toleration) => {
    expect(errors({ tolerations: [toleration] })).toEqual([]);
  });

  test("a gateway's listener, by name and by port", () => {
    const ref = { name: "public", namespace: "gateway-system", sectionName: "https", port: 443 };
    expect(errors({ canary: { gateway: { refs: [ref] } } })).toEqual([]);
  });
});

describe("values that the schema refuses, naming the field", () => {
  test.each<[string, Values, string]>([
    ["an unknown value", { replicas: 3 }, '"additionalProperty":"replicas"'],
    ["a misspelt value further in", { image: { tga: "v1.0.0" } }, '/image must NOT have additional properties {"add'],
    ["a value of the canary", { canary: { iteration: 1 } }, '"additionalProperty":"iteration"'],
    ["text for a number", { replicaCount: "two" }, "/replicaCount must be integer"],
    ["text for a switch", { autoscaling: { enabled: "true" } }, "/autoscaling/enabled must be boolean"],
    ["a port by name", { service: { port: "http" } }, "/service/port must be integer"],
    ["a privileged port", { containerPort: 80 }, "/containerPort must be >= 1024"],
    ["root", { runAsUser: 0 }, "/runAsUser must be >= 1"],
    ["a number for a label", { podLabels: { build: 1 } }, "/podLabels/build must be string"],
    ["the selector's label", { podLabels: { "app.kubernetes.io/name": "x" } }, "/podLabels/app.kubernetes.io~1name"],
    ["an unknown provider", { canary: { provider: "nginx" } }, "/canary/provider must be equal to one of"],
    [
      "a budget that blocks drains",
      { podDisruptionBudget: { maxUnavailable: 0 } },
      "/podDisruptionBudget/maxUnavailable",
    ],
    ["a duration without unit", { canary: { interval: "30" } }, "/canary/interval must match pattern"],
    ["a duration of none", { serviceMonitor: { interval: "0s" } }, "/serviceMonitor/interval must match pattern"],
    ["hours, which Flagger's CRD lacks", { canary: { interval: "1h" } }, "/canary/interval must match pattern"],
    ["a duration in two units", { canary: { metrics: { interval: "1m30s" } } }, "/canary/metrics/interval must match"],
    ["no duration", { canary: { interval: null } }, "/canary must have required property 'interval'"],
    ["no probes", { probes: null }, "/ must have required property 'probes'"],
    ["no values of the canary", { canary: null }, "/ must have required property 'canary'"],
    ["no provider", { canary: { provider: null } }, "/canary must have required property 'provider'"],
    ["no values of its metrics", { canary: { metrics: null } }, "/canary must have required property 'metrics'"],
    [
      "a name that cuts the primary's pods'",
      { fullnameOverride: "a".repeat(39) },
      "/fullnameOverride must NOT have more",
    ],
    ["a quantity of nonsense", { resources: { requests: { cpu: "lots" } } }, "/resources/requests/cpu"],
    ["a secret by its bare name", { imagePullSecrets: ["ghcr-secret"] }, "/imagePullSecrets/0 must be object"],
    ["a test image without tag", { tests: { image: "busybox" } }, "/tests/image must match pattern"],
    ["a test image that moves", { tests: { image: "busybox:latest" } }, "/tests/image must NOT be valid"],
    ["a quote in a test's text", { tests: { expectedBody: "it's" } }, "/tests/expectedBody"],
    [
      "a toleration of every value and of one",
      { tolerations: [{ key: "dedicated", operator: "Exists", value: "web" }] },
      "/tolerations/0/value must NOT have more than 0 characters",
    ],
    [
      "a time for a taint that drives nobody out",
      { tolerations: [{ operator: "Exists", effect: "NoSchedule", tolerationSeconds: 60 }] },
      "/tolerations/0/effect must be equal to constant",
    ],
    [
      "a time for taints of every effect",
      { tolerations: [{ operator: "Exists", tolerationSeconds: 60 }] },
      "/tolerations/0 must have required property 'effect'",
    ],
    [
      "a gateway's listener by a number",
      { canary: { gateway: { refs: [{ name: "public", namespace: "gateway-system", sectionName: 443 }] } } },
      "/canary/gateway/refs/0/sectionName must be string",
    ],
    [
      "a port that there is not",
      { canary: { gateway: { refs: [{ name: "public", namespace: "gateway-system", port: 65536 }] } } },
      "/canary/gateway/refs/0/port must be <= 65535",
    ],
    ["a repository with a tag", { image: { repository: "ghcr.io/a/b:v1" } }, "/image/repository must match pattern"],
    ["no tag at all", { image: { tag: null } }, "must have required property 'tag'"],
  ])("%s", (_, values, message) => {
    expect(errors(values).join("\n")).toContain(message);
  });

  test.each(["latest", "0.1.0", "v1", "v1.2", "v01.2.3", "v1.2.3+build", "V1.2.3", "v1.2.3 ", "v1.2.3-", 1.2])(
    "the tag %j",
    (tag) => {
      expect(errors({ image: { tag } }).join("\n")).toContain("/image/tag ");
    },
  );

  test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/99", "10.0.0.0/", "::/129", "fd00::/999", "fd00::", "example.com/8"])(
    "the address range %s",
    (range) => {
      expect(errors({ networkPolicy: { allowedCIDRs: [range] } }).join("\n")).toContain(
        "/networkPolicy/allowedCIDRs/0 ",
      );
    },
  );

  test("every map is closed, or says what its entries are", () => {
    const open: string[] = [];
    const walk = (schema: unknown, path: string): void => {
      if (!isMap(schema)) return;
      if (schema.type === "object" && schema.additionalProperties === undefined) open.push(path);
      for (const [key, inner] of Object.entries(schema)) walk(inner, `${path}/${key}`);
    };
    walk(JSON.parse(read("appManifests/values.schema.json")), "");
    // Helm itself fills `global` in when the chart is part of another.
    expect(open).toEqual(["/properties/global"]);
  });
});

describe("the chart's README", () => {
  const rows = new Map(
    [...read("appManifests/README.md").matchAll(/^\| `([^`]+)` \| `([^`]*)` \|/gm)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]),
  );

  test("lists every value, and no other", () => {
    expect([...rows.keys()]).toEqual([...flatten(defaults).keys()]);
  });
  test("says what each default is", () => {
    for (const [name, value] of flatten(defaults)) {
      expect(`${name}: ${rows.get(name)}`).toBe(`${name}: ${JSON.stringify(value)}`);
    }
  });
});

test("tests the application's paths as they are, which may hold what a shell has another meaning for", () => {
  const calls = read("appManifests/templates/tests/http.yaml").match(/^ +check .*\{\{.*$/gm) ?? [];
  expect(calls).toHaveLength(3);
  for (const call of calls) expect(call).toMatch(/^ +check(?: \/)?(?: \{\{ \S+ \| squote \}\})+$/);
});

test("the chart's test ends half a minute before Flux stops waiting for it, at the latest", () => {
  const [, seconds] = read("appManifests/templates/_helpers.tpl").match(/"helloworld\.testSeconds" -\}\}(\d+)/) ?? [];
  for (const environment of ["dev", "prod"]) {
    const { timeout, test: own } = parse(read(`clusters/${environment}/release.yaml`)).spec;
    const minutes = /^(\d+)m$/.exec(own.timeout ?? timeout)?.[1];
    expect(Number(seconds)).toBeLessThanOrEqual(60 * Number(minutes) - 30);
  }
});

describe("every value is used by a template or a note", () => {
  const folder = `${root}appManifests/templates`;
  const files = (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => /\.(yaml|tpl|txt)$/i.test(name))
    .map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  // What a helper gets is known where it is called, so each is a text of its own.
  const texts = files.flatMap((text) => text.split(/^(?=\{\{-? define )/m));

  const literal = (path: string) => path.replaceAll(".", "\\.");
  const names = (text: string, path: string) => new RegExp(`(?<![\\w.])\\.${literal(path)}(?![\\w.])`).test(text);

  /** In a text that works on `prefix`: by name, or all of it is printed. */
  function isUsedWithin(prefix: string, rest: string): boolean {
    const within = new RegExp(`\\b(?:with|range) \\$?\\.Values\\.${literal(prefix)} -?\\}\\}`);
    const printed = new RegExp(`${within.source}[^{]*\\{\\{-? toYaml \\.`);
    const given = new RegExp(`include "([\\w.]+)" \\$?\\.Values\\.${literal(prefix)}(?![\\w.])`);
    const helpers = texts.flatMap((text) => given.exec(text)?.[1] ?? []);
    return texts.some(
      (text) =>
        printed.test(text) ||
        ((within.test(text) || helpers.some((helper) => text.startsWith(`{{- define "${helper}"`))) &&
          names(text, rest)),
    );
  }

  function isUsed(name: string): boolean {
    const parts = name.split(".");
    return parts.some((_, index) => {
      const [prefix, rest] = [parts.slice(0, index).join("."), parts.slice(index).join(".")];
      return prefix ? isUsedWithin(prefix, rest) : texts.some((text) => names(text, `Values.${rest}`));
    });
  }

  const unused = (values: Values) => [...flatten(values).keys()].filter((name) => !isUsed(name));

  test("in full, or after the part that the template works on", () => {
    expect(unused(defaults)).toEqual([]);
  });

  test("which is not so because another value ends the same", () => {
    const values = {
      image: { enabled: true },
      tests: { metrics: { interval: "1m" } },
      canary: { path: "/", labels: {} },
    };
    expect(unused(values)).toEqual(["image.enabled", "tests.metrics.interval", "canary.path", "canary.labels"]);
  });
});

test("no image moves: the chart names no tag `latest`", () => {
  for (const name of readdirSync(`${root}appManifests/templates`)) {
    if (name.endsWith(".yaml")) expect(read(`appManifests/templates/${name}`)).not.toMatch(/:latest\b/);
  }
});

test("the version that an empty tag stands for is a valid tag", () => {
  const { appVersion } = parse(read("appManifests/Chart.yaml"));
  expect(errors({ image: { tag: appVersion } })).toEqual([]);
});
