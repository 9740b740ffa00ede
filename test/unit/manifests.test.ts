// What `check` says of clusters/ before and after kubeconform has looked.
import { readdirSync, readFileSync } from "node:fs";
import type { Directory } from "@dagger.io/dagger";
import { describe, expect, it } from "vitest";
import { checkReleases, judge, type Resource } from "../../pipeline/src/manifests.js";

const SOURCE = "clusters/dev/gitrepository.yaml";
const LIST = "clusters/dev/kustomization.yaml";
const read = (path: string) => readFileSync(path, "utf8");

/** The working tree with files that a user has changed or added. */
function sourceWith(files: Record<string, string>): Directory {
  const file = (path: string) => ({ contents: async () => files[path] ?? read(path) });
  const glob = async (pattern: string) => {
    const folder = pattern.replace(/\/\*.*$/, "");
    const there = readdirSync(folder).map((name) => `${folder}/${name}`);
    return [...there, ...Object.keys(files).filter((path) => path.startsWith(folder) && !there.includes(path))];
  };
  return { file, glob } as unknown as Directory;
}

const said = (files: Record<string, string>) =>
  checkReleases(sourceWith(files)).then(
    (line) => line,
    (error: Error) => error.message,
  );

describe("a kustomization", () => {
  const patch = "kind: HelmRelease\n";

  it("may have patches: their files are listed there", async () => {
    const files = { [LIST]: `${read(LIST)}patches:\n  - path: ./patch.yaml\n  - patch: "[]"\n` };
    expect(await said({ ...files, "clusters/dev/patch.yaml": patch })).toBe("dev v0.1.0, prod v0.1.0");
    expect(await said(files)).toBe(`${LIST} lists patch.yaml, which is not there.`);
  });

  it("lists every other file, and no folder", async () => {
    const files = { [LIST]: `${read(LIST)}  - more\n`, "clusters/dev/more/a.yaml": "", "clusters/dev/b.yml": "" };
    expect((await said(files)).split("\n")).toEqual([
      `${LIST} does not list more/a.yaml: Flux would not apply it.`,
      `${LIST} does not list b.yml: Flux would not apply it.`,
      `${LIST} lists more, which is a folder: list its files.`,
    ]);
  });

  it.each(["../base", "../base/patch.yaml", "https://example.com/a.yaml"])(
    "is told that %s is not supported",
    async (name) => {
      expect(await said({ [LIST]: `${read(LIST)}  - ${name}\n` })).toBe(
        `${LIST} lists ${name}, which is not supported here: it lies outside of clusters/dev. Copy what it has into that folder.`,
      );
    },
  );

  it("is told that components are not supported", async () => {
    expect(await said({ [LIST]: `${read(LIST)}components: [more]\n` })).toBe(
      `${LIST} has components, which are not supported here: list their files as resources, or as patches.`,
    );
  });
});

describe("the repository that Flux follows", () => {
  const withUrl = (url: string) => ({ [SOURCE]: read(SOURCE).replace(/url: .*/, `url: ${url}`) });

  it.each([
    ["ssh://git@github.com/owner/name", "ssh://github.com/owner/name"],
    ["git@github.com:owner/name.git", "git@github.com:owner/name.git"],
    ["http://github.com/owner/name", "http://github.com/owner/name"],
    ["https://me:ghp_secret@github.com/owner/name", "https://github.com/owner/name"],
  ])("is refused by %s, with its line and what to write", async (url, shown) => {
    const words = await said(withUrl(url));
    expect(words).toContain(`${SOURCE}:8:8: spec.url is ${shown}: the pipeline clones and pushes by https alone`);
    expect(words).toContain("Write https://github.com/owner/name");
    expect(words).not.toContain("ghp_secret");
  });

  it("is taken by https, with and without .git", async () => {
    expect(await said(withUrl("https://git.example.com:8443/a/b.git"))).toBe("dev v0.1.0, prod v0.1.0");
  });
});

describe("a release file", () => {
  const RELEASE = "clusters/prod/release.yaml";
  const changed = (from: string, to: string) => said({ [RELEASE]: read(RELEASE).replace(from, to) });

  it.each([
    [
      "  name: helloworld\n",
      "  name: hello\n",
      "is the HelmRelease helloworld/hello; the pipeline looks for helloworld/helloworld",
    ],
    [
      "  releaseName: helloworld\n",
      "  releaseName: hello\n",
      "spec.releaseName is hello; the pipeline looks for helloworld.",
    ],
    [
      "  values:\n",
      "  values:\n    fullnameOverride: hello\n",
      "spec.values.fullnameOverride is hello: the Deployment would not",
    ],
    [
      "  values:\n",
      "  valuesFrom:\n    - {kind: ConfigMap, name: more}\n  values:\n",
      "has spec.valuesFrom, which Flux would use",
    ],
  ])("is refused with what the pipeline would not find, or not test: %j → %j", async (from, to, message) => {
    expect(await changed(from, to)).toContain(`${RELEASE}: ${message}`);
  });
});

describe("what kubeconform has found", () => {
  const groups = read("pipeline/schemas/groups.txt").trim().split("\n");
  const resource = (version: string, kind: string, status = "statusSkipped"): Resource => ({
    ...{ filename: "clusters/dev/a.yaml", name: "a", msg: "" },
    ...{ version, kind, status },
  });

  it("is valid, but for kinds of projects that have no schemas here, which are named", () => {
    const resources = [resource("v1", "Pod", "statusValid"), resource("cert-manager.io/v1", "Certificate")];
    expect(judge(resources, groups)).toEqual({
      faults: [],
      valid: 1,
      unchecked: ["Certificate (clusters/dev/a.yaml)"],
    });
  });

  it.each([
    ["apps/v1", "Deploymnt"],
    ["v1", "Configmap"],
    ["app/v1", "Deployment"],
    ["external-secrets.io/v1beta1", "ExternalSecret"],
    ["rbac.authorization.k8s.io/v1", "Rolebinding"],
  ])("is a fault where %s %s is misspelt", (version, kind) => {
    const { faults, unchecked } = judge([resource(version, kind)], groups);
    expect(faults).toEqual([
      `clusters/dev/a.yaml: ${kind} a: there is no schema of ${version} ${kind}. Next: correct kind or version; if they are right, add it to scripts/schemas.ts`,
    ]);
    expect(unchecked).toEqual([]);
  });
});
