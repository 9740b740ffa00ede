// Prepares a module once per version of its source: reads its types and bundles it with the SDK.
// Usage: node build.ts <module name>; reads /module and /bindings, writes /app.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { scan } from "../node_modules/@dagger.io/dagger/dist/src/module/introspector/index.js";
import { describe } from "./types.ts";

const [moduleName = ""] = process.argv.slice(2);
const module = "/module";
const packages = "/packages";
const app = "/app";
const sdk = "/sdk/node_modules/@dagger.io/dagger/dist/src";
// Beside the SDK's own client, so that its imports find the rest of the SDK.
const client = `${sdk}/api/client.gen.ts`;

/** In place of the compiler: the SDK's classes look names up in it when they are defined, and call it only to introspect. */
const noCompiler = `
const none = new Proxy({}, { get: (_, key) => (key === Symbol.toPrimitive ? () => "" : none) });
export default none;
`;

/** The SDK that the module imports, with the generated client, and without the TypeScript compiler (types are in types.json). */
const sdkInOneVersion: Plugin = {
  name: "sdk",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@dagger\.io\/dagger$/ }, () => ({ path: `${sdk}/index.js` }));
    onResolve({ filter: /^@dagger\.io\/dagger\/telemetry$/ }, () => ({ path: `${sdk}/telemetry/index.js` }));
    onResolve({ filter: /client\.gen\.js$/ }, () => ({ path: client }));
    onResolve({ filter: /^typescript$/ }, () => ({ path: "typescript", namespace: "none" }));
    onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: noCompiler }));
  },
};

const files = globSync(`${module}/src/**/*.{ts,mts}`).sort();
if (files.length === 0) throw new Error("The module has no TypeScript files in src/.");
checkPackages();
mkdirSync(app, { recursive: true });

cpSync(globSync("/bindings/**/client.gen.ts")[0] ?? "", client);
const types = describe(await scan([...files, typings()], moduleName, false));
writeFileSync(join(app, "types.json"), JSON.stringify(types));
await bundle();
warmCompileCache();

/** Makes `@dagger.io/dagger` known to the compiler that reads the types; returns the file of the API's types. */
function typings(): string {
  const folder = "/node_modules/@dagger.io/dagger";
  const decorators = ["argument", "check", "enumType", "field", "func", "generate", "object", "up"];
  mkdirSync(folder, { recursive: true });
  cpSync(client, join(folder, "client.gen.ts")); // the introspector knows the API's types by this file's name
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "@dagger.io/dagger", types: "index.ts" }));
  writeFileSync(
    join(folder, "index.ts"),
    ['export * from "./client.gen.js";', ...decorators.map((name) => `export declare const ${name}: any;`)].join("\n"),
  );
  return join(folder, "client.gen.ts");
}

/** The module's npm packages lie in the SDK's content; another lock file means that the content is older than the module. */
function checkPackages() {
  const lock = join(module, "package-lock.json");
  if (!existsSync(lock)) return;
  const installed = join(packages, "package-lock.json");
  if (existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(lock, "utf8")) return;
  throw new Error(
    "The module's package-lock.json is not the one that the embedded engine has the packages of. " +
      "Call ./daggerw again: it installs them and restarts the engine.",
  );
}

async function bundle() {
  await build({
    stdin: {
      contents: [
        `import { run } from "/sdk/src/entrypoint.ts"`,
        ...files.map((file, index) => `import * as file${index} from ${JSON.stringify(file)}`),
        `import types from "${app}/types.json"`,
        `await run(types, [${files.map((_, index) => `file${index}`).join(", ")}])`,
      ].join("\n"),
      resolveDir: "/sdk",
    },
    outdir: app,
    entryNames: "entrypoint",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true, // what a function imports lazily stays out of the other calls
    platform: "node",
    mainFields: ["module", "main"], // of a CommonJS build, a lazy import would give no names
    format: "esm",
    target: "node24",
    sourcemap: false,
    minifySyntax: true,
    keepNames: true, // the SDK's registry finds classes by name
    nodePaths: [`${packages}/node_modules`, "/sdk/node_modules"],
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
    // CommonJS packages in an ES module bundle still ask for require().
    banner: { js: `import { createRequire as __cr } from "node:module"; const require = __cr(import.meta.url);` },
    plugins: [sdkInOneVersion],
    logLevel: "error",
  });
}

/** Fills Node's compile cache, so that calls don't parse the bundle again. */
function warmCompileCache() {
  execFileSync("node", [join(app, "entrypoint.mjs"), "warm"], { stdio: ["ignore", "inherit", "inherit"] });
}
