// The module's public surface, as the official SDK's introspector reads it: no engine is needed for it.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repository } from "../engine/daggerw.js";

interface Documented {
  name: string;
  description?: string;
}
interface Method extends Documented {
  cache?: string;
  arguments: Record<string, Documented>;
}

const folder = mkdtempSync(join(tmpdir(), "module-"));
let methods: Method[] = [];

beforeAll(async () => {
  const sdk = join(repository, "node_modules/@dagger.io/dagger/dist/src");
  const typings = join(folder, "node_modules/@dagger.io/dagger");
  mkdirSync(typings, { recursive: true });
  cpSync(join(repository, "pipeline/src"), join(folder, "src"), { recursive: true });
  // The introspector knows the API's types by this file's name.
  cpSync(join(sdk, "api/client.gen.d.ts"), join(typings, "client.gen.ts"));
  writeFileSync(join(typings, "package.json"), JSON.stringify({ name: "@dagger.io/dagger", types: "index.ts" }));
  const decorators = ["argument", "func", "object"].map((name) => `export declare const ${name}: any;`);
  writeFileSync(join(typings, "index.ts"), ['export * from "./client.gen.js";', ...decorators].join("\n"));
  const { scan } = await import(join(sdk, "module/introspector/index.js"));
  const files = readdirSync(join(folder, "src")).map((name) => join(folder, "src", name));
  const module = await scan([...files, join(typings, "client.gen.ts")], "helloworld-infrastructure", false);
  methods = Object.values(module.objects.HelloworldInfrastructure.methods);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe("the module", () => {
  it("offers its functions under names that the CLI doesn't split at digits", () => {
    expect(methods.map(({ name }) => name).sort()).toEqual(
      ["bump", "check", "ci", "cluster", "deploy", "endToEnd", "kubeconfig", "lintChart", "render", "testChart"].sort(),
    );
    expect(methods.filter(({ name }) => /\d/.test(name))).toEqual([]);
  });

  it("never caches what acts on the world, and always what is pure", () => {
    const acting = methods.filter(({ cache }) => cache === "never").map(({ name }) => name);
    expect(acting.sort()).toEqual(["ci", "cluster", "deploy", "endToEnd", "kubeconfig", "testChart"]);
  });

  it("documents every function with an example, and every argument", () => {
    for (const { name, description, arguments: args } of methods) {
      expect(description, name).toMatch(/dagger call /);
      for (const argument of Object.values(args))
        expect(argument.description, `${name} --${argument.name}`).toBeTruthy();
    }
  });
});
