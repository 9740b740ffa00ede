// What takes long is built for the calls that need it, and for no other.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { besides, buildGroup, builtGroups, groupsFor } from "../../embedded/src/demand.js";
import { type GroupName, type Recipe, treeLayer } from "../../embedded/src/images.js";
import { layersOf, storeVariants } from "../../embedded/src/mirror.js";
import { preflightSpace } from "../../embedded/src/preflight.js";
import { recipes } from "../../embedded/src/recipes/index.js";
import { pinned } from "../../embedded/src/recipes/parts.js";
import { providerPath, providers } from "../../embedded/src/recipes/terraform.js";
import { printTo } from "../../embedded/src/steps.js";
import { temporaryFolder } from "./temporary.js";

let lines: string[];
let before: ReturnType<typeof printTo>;

beforeEach(() => {
  vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
  lines = [];
  before = printTo((line) => lines.push(line));
});

afterEach(() => {
  printTo(before);
  vi.unstubAllEnvs();
});

/** Layers are made by GNU tar, under a lock of flock: macOS has neither. */
const onLinux = test.runIf(process.platform === "linux");

/** The module's functions, as they are typed after `dagger call`. */
function moduleFunctions(): string[] {
  const source = readFileSync("pipeline/src/index.ts", "utf8");
  const names = [...source.matchAll(/@func\([^)]*\)\s+(?:async )?(\w+)\(/g)].map(([, name = ""]) => name);
  return names.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
}

test("the functions that run Terraform with its providers, the policy scan or the simulated AWS ask for it, those that run a platform for its parts", () => {
  const asking = (group: GroupName, withAws = false) =>
    moduleFunctions().filter((name) => groupsFor({ name, withAws }).includes(group));
  expect(asking("terraform").sort()).toEqual(
    [
      ...["apply", "bootstrap", "check-infra", "destroy", "drift", "force-unlock", "outputs", "plan"],
      ...["push-state", "test-infra", "validate"],
    ].sort(),
  );
  // What it plans is prod's infrastructure, when it is told by which role.
  expect(asking("terraform", true).filter((name) => !asking("terraform").includes(name))).toEqual(["promote"]);
  expect(asking("simulator")).toEqual(["test-infra"]);
  expect(asking("gitops")).toEqual(["ci", "promote"]);
  expect(moduleFunctions()).toEqual(expect.arrayContaining(["check", "ci", "fmt"]));
});

onLinux("an image is made in two variants, or only once it was asked for", async () => {
  const layer = (name: string) => treeLayer(name, { values: [name] }, async () => ({ "/name": { text: name } }));
  const demanded: Recipe["demanded"] = { by: "terraform", layers: async () => [await layer("high")] };
  const some = { layers: async () => [await layer("low")], demanded };
  const digests = async (...args: Parameters<typeof layersOf>) => (await layersOf(...args)).map(({ digest }) => digest);
  const [low, high] = [(await layer("low")).digest, (await layer("high")).digest];
  expect(await digests(some, [])).toEqual([low]);
  expect(await digests(some, ["gitops"])).toEqual([low]);
  expect(await digests(some, ["gitops", "terraform"])).toEqual([low, high]);
  expect(await digests({ demanded }, [])).toEqual([]);
  expect(await digests({ layers: some.layers }, ["terraform"])).toEqual([low]);
});

onLinux("with its group the variant without it stays, for calls that have it already", async () => {
  const layer = (name: string) => treeLayer(name, { values: [name] }, async () => ({ "/name": { text: name } }));
  const recipe: Recipe = {
    layers: async () => [await layer("low")],
    demanded: { by: "terraform", layers: async () => [await layer("high")] },
  };
  const stored = async (groups: GroupName[]) => {
    const storage = temporaryFolder();
    await storeVariants(storage, "some/image:v1", recipe, groups);
    const tag = join(storage, "docker/registry/v2/repositories/some/image/_manifests/tags/v1");
    const current = readFileSync(join(tag, "current/link"), "utf8").replace("sha256:", "");
    return { current, all: readdirSync(join(tag, "index/sha256")).sort() };
  };
  const [without, withGroup] = [await stored([]), await stored(["terraform"])];
  expect(without.all).toEqual([without.current]);
  expect(withGroup.current).not.toBe(without.current);
  expect(withGroup.all).toEqual([without.current, withGroup.current].sort());
});

test("Terraform is there without its providers; the policy scan, the simulated AWS and what GitOps needs are not", () => {
  const all: [string, Recipe][] = Object.entries(recipes);
  const of = (group: GroupName) => all.filter(([, { demanded }]) => demanded?.by === group);
  expect(of("terraform").map(([name, { layers }]) => [name, Boolean(layers)])).toEqual([
    ["terraform", true],
    ["checkov", false],
  ]);
  expect(of("simulator").map(([name]) => name)).toEqual(["moto"]);
  expect(of("gitops").map(([name]) => name)).toEqual([
    ...["sourceController", "kustomizeController", "helmController", "notificationController"],
    ...["flagger", "flaggerLoadtester", "prometheus", "metricsServer", "daggerEngine"],
  ]);
  expect(of("addons").map(([name]) => name)).toEqual(["kubeRouter", "traefik", "externalSecrets"]);
  for (const [name, { layers }] of of("gitops")) expect(layers, name).toBeUndefined();
});

test("each provider is pinned, and lies where Terraform looks without being told to", () => {
  for (const { name } of providers) {
    expect(pinned(`provider-${name}`, `github.com/hashicorp/terraform-provider-${name}`)).toMatch(/^v1\./);
  }
  const paths = providers.map(providerPath);
  expect(paths[0]).toMatch(
    /^\/usr\/local\/share\/terraform\/plugins\/registry\.terraform\.io\/hashicorp\/aws\/6\.48\.0\/linux_(amd64|arm64)\/terraform-provider-aws_v6\.48\.0$/,
  );
  expect(new Set(paths).size).toBe(providers.length);
});

test("the providers are those that the stacks ask for", () => {
  const text = readFileSync("terraform/stacks/viney-infra/versions.tf", "utf8");
  const asked = [...text.matchAll(/source += "hashicorp\/(\w+)"\s+version += "([^"]+)"/g)];
  expect(asked.map(([, name, version]) => ({ name, version }))).toEqual(
    providers.map(({ name, version }) => ({ name, version })),
  );
});

test("nothing is begun on a machine that is too small, and it says so", async () => {
  expect(builtGroups()).toEqual([]);
  vi.spyOn(process, "availableMemory").mockReturnValue(4e9);
  await expect(buildGroup("terraform", "for `plan`")).rejects.toThrow(
    /can't build Terraform's providers:\n(?:.*disk\.\n)? {2}- 4\.0 GB of memory/, // the disk may be too small as well
  );
  expect(lines).toEqual([]);
});

test("the disk is counted for all groups that are to be built, and says for which", () => {
  const both = besides(["simulator", "terraform", "gitops"]);
  expect(both.bytes).toBe(16e9);
  expect(both.parts).toMatch(/^Terraform's providers .*; Flux, Flagger, Prometheus and metrics-server$/);
  expect(besides(["simulator"]).bytes).toBe(0);
  expect(() => preflightSpace({ ...both, bytes: 1e18 })).toThrow(
    /GB are free for .* 1000000000\.0 GB are needed: .* They are for Terraform's providers .*; Flux, .*\.$/,
  );
});
