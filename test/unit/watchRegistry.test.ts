// Which version is new to an environment, as its release file in git has it.
import type { Directory } from "@dagger.io/dagger";
import { expect, it, vi } from "vitest";
import { environment } from "../../pipeline/src/environments.js";
import type { GitRemote } from "../../pipeline/src/git.js";
import { historyOf } from "../../pipeline/src/gitHistory.js";
import { watchRegistry } from "../../pipeline/src/watchRegistry.js";

vi.mock(import("../../pipeline/src/gitHistory.js"), async (original) => ({
  ...(await original()),
  historyOf: vi.fn(),
}));
vi.mock(import("../../pipeline/src/registry.js"), async (original) => ({
  ...(await original()),
  listAllTags: async () => ["v0.1.0", "v0.2.0", "v0.3.0", "v0.4.0", "v0.5.0"],
}));

const dev = environment("dev");

const release = (tag: string, except = "") => `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: helloworld
  namespace: helloworld
  annotations: { helloworld-infrastructure/except-tags: "${except}" }
spec:
  targetNamespace: helloworld
  chart: { spec: { chart: ./appManifests } }
  values: { image: { repository: ghcr.io/owner/name, tag: ${tag} } }
`;

const watch = async (checkout: string, remote?: GitRemote) => {
  const source = { file: () => ({ contents: async () => checkout }) } as unknown as Directory;
  const said: string[] = [];
  const tag = await watchRegistry(source, dev, [], undefined, (line) => said.push(line), remote);
  return { tag, said: said.join("\n") };
};

it("is told from the checkout alone where nobody may read git", async () => {
  expect((await watch(release("v0.1.0", "v0.5.0"))).tag).toBe("v0.4.0");
  expect((await watch(release("v0.5.0"))).tag).toBe("");
});

it("is told from git's own file: a run that waited has a checkout from before", async () => {
  const [now, before] = [release("v0.3.0", "v0.5.0"), release("v0.1.0")];
  const commits = [now, release("v0.4.0"), before].map((text, index) => ({ sha: `${index}`, message: "", text }));
  vi.mocked(historyOf).mockResolvedValue({ head: "0", text: now, commits, proofs: [] });
  const { tag, said } = await watch(before, {} as GitRemote);
  expect(tag).toBe("");
  expect(said).toContain("nothing newer than v0.3.0");
  expect(said).toContain("passed over v0.4.0: was started before, and taken back");
  expect(said).toContain("passed over v0.5.0: named as one not to start");
});
