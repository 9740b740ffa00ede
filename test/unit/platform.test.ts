// What a throwaway node gets for Flux, as far as an environment's folder asks for it.
import { readFileSync } from "node:fs";
import type { Directory } from "@dagger.io/dagger";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { environment } from "../../pipeline/src/environments.js";
import type { ClusterObject } from "../../pipeline/src/kubernetes.js";
import { startPlatform } from "../../pipeline/src/platform.js";

const { applied } = vi.hoisted(() => ({ applied: [] as ClusterObject[] }));

vi.mock("../../pipeline/src/cluster.js", () => {
  const api = {
    applyObject: async (object: ClusterObject) => void applied.push(object),
    ensureNamespace: async (name: string) => void applied.push({ kind: "Namespace", metadata: { name } }),
  };
  return { startCluster: async () => ({ api, stop: async () => {} }) };
});
vi.mock("../../pipeline/src/flux.js", async (original) => ({
  ...(await original<object>()),
  installFlux: async () => {},
  waitForFlux: async () => {},
}));

const PASSWORD = "the password of the run";
const SOURCE = "clusters/dev/gitrepository.yaml";
const read = (path: string) => readFileSync(path, "utf8");

/** The working tree with files that a user has changed or added. */
function sourceWith(files: Record<string, string>): Directory {
  const file = (path: string) => ({ contents: async () => files[path] ?? read(path) });
  const glob = async (pattern: string) => (pattern.startsWith("clusters/dev/") ? Object.keys(files) : []);
  return { file, glob } as unknown as Directory;
}

/** Starts a platform of the files, and returns what it said. */
async function said(files: Record<string, string>, env: "dev" | "prod" = "dev"): Promise<string> {
  const lines: string[] = [];
  const remote = { url: "https://github.com/a/b", branch: "main", username: "git", authority: "" };
  const password = { plaintext: async () => `${PASSWORD}\n` };
  const startGit = async () => ({ remote: { ...remote, password }, address: "10.0.0.1", stop: async () => {} });
  await startPlatform({
    source: sourceWith(files),
    environment: environment(env),
    startGit: startGit as never,
    log: (line) => lines.push(line),
  });
  return lines.join("\n");
}

const names = (kind: string) =>
  applied
    .filter((object) => object.kind === kind)
    .map(({ metadata }) => [metadata?.namespace, metadata?.name].filter(Boolean).join("/"));
const placeOf = (name: string) => applied.findIndex(({ metadata }) => metadata?.name === name);

beforeEach(() => {
  applied.length = 0;
});

describe("the credentials of a private repository", () => {
  const secretRef = (name: string) => `${read(SOURCE)}  secretRef:\n    name: ${name}\n`;

  it("are a Secret of the name that the chart's source has, in its namespace, before Flux looks", async () => {
    const lines = await said({ [SOURCE]: secretRef("git-credentials") });
    expect(applied[placeOf("git-credentials")]).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "git-credentials", namespace: "helloworld" },
      stringData: { username: "git", password: PASSWORD },
    });
    expect(placeOf("helloworld")).toBeLessThan(placeOf("git-credentials"));
    expect(placeOf("git-credentials")).toBeLessThan(applied.findIndex(({ kind }) => kind === "Kustomization"));
    expect(lines).not.toContain(PASSWORD);
  });

  it("are Flux's own alone where the repository is public", async () => {
    await said({});
    expect(names("Secret")).toEqual(["flux-system/flux-system"]);
  });
});

describe("the kinds of External Secrets", () => {
  const secret = (version: string) => `apiVersion: ${version}\nkind: ExternalSecret\nmetadata: {name: database}\n`;

  it("are known to a node whose environment has an object of them, and said to fetch nothing", async () => {
    const lines = await said({ "clusters/dev/secrets/database.yml": secret("external-secrets.io/v1") });
    expect(names("CustomResourceDefinition")).toContain("externalsecrets.external-secrets.io");
    expect(lines).toContain("nobody fetches what an ExternalSecret names");
  });

  it("are left out where none has", async () => {
    const lines = await said({ "clusters/dev/other.yaml": secret("example.com/v1 # not external-secrets.io/v1") });
    expect(names("CustomResourceDefinition")).toEqual([]);
    expect(lines).not.toContain("ExternalSecret");
  });
});
