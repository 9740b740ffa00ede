// The YAML files that the pipeline reads beside the release files: broken, empty, and of several documents.
import type { Directory } from "@dagger.io/dagger";
import { describe, expect, it, vi } from "vitest";
import { repositoryOf } from "../../pipeline/src/delivery.js";
import { prepareNamespace } from "../../pipeline/src/deployment.js";
import { environment } from "../../pipeline/src/environments.js";
import { imageRepository } from "../../pipeline/src/releaseFile.js";
import { readYaml } from "../../pipeline/src/yamlFile.js";

const dev = environment("dev");
const FILE = "appManifests/Chart.yaml";
const RELEASE = `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: helloworld, namespace: helloworld}
spec: {chart: {spec: {chart: ./appManifests}}, values: {image: {tag: "v0.1.0"}}}
`;

const sourceWith = (files: Record<string, string>) =>
  ({ file: (path: string) => ({ contents: async () => files[path] }) }) as unknown as Directory;
const read = (text: string, kind?: string) => readYaml(sourceWith({ [FILE]: text }), FILE, kind);

describe("a YAML file", () => {
  it("is its one document", async () => {
    expect(await read("---\n# the chart\nversion: 1.0.0\n---\n")).toEqual({ version: "1.0.0" });
  });

  it.each(["", "\n", "# nothing\n", "---\n", "null\n"])("that is empty is an empty object (%j)", async (text) => {
    expect(await read(text)).toEqual({});
    expect(await read(text, "Namespace")).toEqual({});
  });

  it("that is broken is named, with line and column and the line itself", async () => {
    await expect(read("a:\n  b: 1\n c: 2\n")).rejects.toThrow(
      `${FILE}:3:1: broken YAML: All mapping items must start at the same column\n\n  3 |  c: 2\n    | ^`,
    );
    await expect(read('kind: x\n---\nversion: "1\n')).rejects.toThrow(
      `${FILE}:3:10: broken YAML: this quote is never closed`,
    );
    await expect(read("version: *nothing\n")).rejects.toThrow(`${FILE}: broken YAML: Unresolved alias`);
  });

  it("of several documents is the one of a kind, and refused where none is asked for", async () => {
    const several = "kind: ConfigMap\n---\n- a list\n---\nkind: Namespace\nmetadata: {name: a}\n";
    expect(await read(several, "Namespace")).toMatchObject({ metadata: { name: "a" } });
    expect(await read(several, "Secret")).toEqual({});
    await expect(read(several)).rejects.toThrow(
      `${FILE}: there are 3 documents in this file; the pipeline needs exactly one`,
    );
  });
});

describe("where Flux finds the repository", () => {
  const find = (text: string) => repositoryOf(sourceWith({ "clusters/dev/gitrepository.yaml": text }), dev);
  const repository = "kind: GitRepository\nspec: {url: https://github.com/owner/name, ref: {branch: main}}\n";

  it("is in the file's GitRepository, whatever is beside it", async () => {
    const found = { url: "https://github.com/owner/name", branch: "main" };
    expect(await find(repository)).toEqual(found);
    expect(await find(`kind: Secret\nspec: {url: x, ref: {branch: x}}\n---\n${repository}`)).toEqual(found);
  });

  it("is nowhere in a file without one", async () => {
    for (const text of ["", "kind: GitRepository\n", repository.replace("branch: main", "tag: v1")])
      await expect(find(text)).rejects.toThrow(
        "clusters/dev/gitrepository.yaml has no GitRepository with a spec.url and a spec.ref.branch.",
      );
    await expect(find("spec: [")).rejects.toThrow("clusters/dev/gitrepository.yaml:1:8: broken YAML");
  });
});

describe("the image's repository", () => {
  const find = (values: string) =>
    imageRepository(sourceWith({ [dev.releaseFile]: RELEASE, "appManifests/values.yaml": values }), dev);

  it("is the chart's where the release file has none", async () => {
    expect(await find("image: {repository: ghcr.io/a/b}\n")).toBe("ghcr.io/a/b");
    await expect(find("")).rejects.toThrow(
      "Neither clusters/dev/release.yaml nor appManifests/values.yaml names image.repository.",
    );
    await expect(find("image: [")).rejects.toThrow("appManifests/values.yaml:1:9: broken YAML");
  });
});

describe("the application's namespace", () => {
  const made = async (text: string) => {
    const ensureNamespace = vi.fn();
    const source = sourceWith({ "clusters/dev/namespace.yaml": text });
    const target = { api: { ensureNamespace }, kubeconfig: "" } as never;
    await prepareNamespace({ source, environment: dev, target }, undefined);
    return ensureNamespace.mock.calls;
  };

  it("has the labels of the file's Namespace", async () => {
    const namespace = "kind: Namespace\nmetadata: {labels: {a: b}}\n";
    expect(await made(namespace)).toEqual([["helloworld", { a: "b" }]]);
    expect(await made(`kind: LimitRange\n---\n${namespace}`)).toEqual([["helloworld", { a: "b" }]]);
    expect(await made("")).toEqual([["helloworld", {}]]);
    await expect(made("metadata: [")).rejects.toThrow("clusters/dev/namespace.yaml:1:12: broken YAML");
  });
});
