// The module's public surface, as the official SDK's introspector reads it: no engine is needed for it.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repository } from "../engine/daggerw.js";
import { documentedFunctions } from "./functionTable.js";
import { callsIn, kebab, workflowJobs } from "./workflowFiles.js";

interface Documented {
  name: string;
  description?: string;
}
interface Argument extends Documented {
  isOptional: boolean;
  defaultValue?: unknown;
}
interface Method extends Documented {
  cache?: string;
  arguments: Record<string, Argument>;
}

const folder = mkdtempSync(join(tmpdir(), "module-"));
let methods: Method[] = [];
let construction: Pick<Method, "arguments"> = { arguments: {} };

beforeAll(async () => {
  const sdk = join(repository, "pipeline/node_modules/@dagger.io/dagger/dist/src");
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
  const main = module.objects.HelloworldInfrastructure;
  methods = Object.values(main.methods);
  construction = main._constructor;
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe("the module", () => {
  it("offers the functions of README's table, under names that the CLI doesn't split at digits", () => {
    expect(methods.map(({ name }) => kebab(name)).sort()).toEqual(documentedFunctions().sort());
    expect(methods.filter(({ name }) => /\d/.test(name))).toEqual([]);
  });

  it("never caches what acts on the world, and always what is pure", () => {
    const pure = methods.filter(({ cache }) => cache !== "never").map(({ name }) => name);
    expect(pure.sort()).toEqual(["check", "checkInfra", "fmt", "lintChart", "render", "validate"].sort());
  });

  it("documents every function with an example, and every argument", () => {
    for (const { name, description, arguments: args } of methods) {
      expect(description, name).toMatch(/dagger call /);
      for (const argument of Object.values(args))
        expect(argument.description, `${name} --${argument.name}`).toBeTruthy();
    }
  });
});

describe("the workflows", () => {
  const calls = workflowJobs().flatMap(({ place, runs }) => runs.flatMap((run) => callsIn(run, place)));

  it("call the module in each job but those that check the TypeScript itself", () => {
    const isOwn = (runs: string[]) => /^(?:\.ci\/run|npm run [\w:]+(?: && npm run [\w:]+)*)$/.test(runs.join("\n"));
    expect(calls.map(({ place }) => place).sort()).toEqual(
      workflowJobs()
        .filter(({ runs }) => !isOwn(runs))
        .map(({ place }) => place)
        .sort(),
    );
  });

  it.each(calls)("$place: `$name` and its flags are the module's, and none that it demands is missing", (call) => {
    const method = methods.find(({ name }) => kebab(name) === call.name);
    expect(method, `there is no function ${call.name}`).toBeDefined();
    expect(Object.values(construction.arguments).map(({ name }) => kebab(name))).toEqual(
      expect.arrayContaining(call.before),
    );
    const known = Object.values(method?.arguments ?? {});
    expect(known.map(({ name }) => kebab(name))).toEqual(expect.arrayContaining(call.after));
    const demanded = known.filter((one) => !one.isOptional && one.defaultValue === undefined);
    expect(call.after).toEqual(expect.arrayContaining(demanded.map(({ name }) => kebab(name))));
  });
});

it("its README has a place for every file of src, and for no other", () => {
  const rows = readFileSync(join(repository, "pipeline/README.md"), "utf8").matchAll(/^\| (`.+?`) \|/gm);
  const named = [...rows].flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(named.sort()).toEqual(readdirSync(join(repository, "pipeline/src")).sort());
});
