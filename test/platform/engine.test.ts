// Dagger's engine as a Pod of a node, and calls to it from inside and outside the cluster (scenarios/engineInCluster.ts).
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { goEnvironment } from "../../embedded/src/go.js";
import { passing, repository } from "../engine/daggerw.js";
import { scenarioModule } from "../engine/scenarios.js";
import { temporaryFolder } from "../unit/temporary.js";

const { engineVersion } = JSON.parse(readFileSync(join(repository, "dagger.json"), "utf8"));
let results: Record<string, { code: number; stdout: string } | string>;

beforeAll(async () => {
  const source = ["--source", committed(), "--chart", chart()];
  results = JSON.parse((await passing("-m", scenarioModule(temporaryFolder()), "engine", ...source)).stdout);
  expect(results.ready).toMatch(/^after \d+ s/);
});

/** The repository as a checkout has it: the module in it is called too. */
function committed(): string {
  const copy = temporaryFolder();
  const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: repository, encoding: "utf8" });
  for (const file of files.split("\n").filter(Boolean)) cpSync(join(repository, file), join(copy, file));
  return copy;
}

/** Dagger's Helm chart of the engine's version, of which the Go module proxy has the source. */
function chart(): string {
  const module = `github.com/dagger/dagger@${engineVersion}`;
  const said = execFileSync("go", ["mod", "download", "-json", module], { env: goEnvironment(), encoding: "utf8" });
  const copy = temporaryFolder();
  cpSync(join(JSON.parse(said).Dir, "helm/dagger"), copy, { recursive: true });
  return copy;
}

it.each(["tcp from outside", "kube-pod from outside"])("takes calls by %s", (name) => {
  expect(results[name]).toEqual({ code: 0, stdout: engineVersion });
});

it("takes calls of a pod with the label of clients", () => {
  expect(results["tcp from a pod"]).toBe(`Succeeded: ${engineVersion}`);
});

it("runs the module's check for a caller outside the cluster", () => {
  expect(results.check, JSON.stringify(results.check)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\*\*Passed\*\* in .*: \d+ passed/),
  });
});
