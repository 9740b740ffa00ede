// What runs in a module's container: one of the module's functions, or the registration of its types. The same steps as
// the official SDK's entry point, on types that were read when the module was built.
import { writeFile } from "node:fs/promises";
import { dag } from "../node_modules/@dagger.io/dagger/dist/src/api/client.gen.js";
import { connection } from "../node_modules/@dagger.io/dagger/dist/src/connect.js";
import { invoke } from "../node_modules/@dagger.io/dagger/dist/src/module/entrypoint/invoke.js";
import { Register } from "../node_modules/@dagger.io/dagger/dist/src/module/entrypoint/register.js";
import { Executor } from "../node_modules/@dagger.io/dagger/dist/src/module/executor.js";
import * as telemetry from "../node_modules/@dagger.io/dagger/dist/src/telemetry/telemetry.js";
import { revive } from "./types.ts";

/** Runs what the command line asks for: `call`, `register <output file>` or `warm` (loads everything, does nothing). */
export async function run(types: Parameters<typeof revive>[0], files: object[]) {
  const [verb, output = ""] = process.argv.slice(2);
  if (verb === "warm") return;
  const module = revive(types);
  const work = verb === "register" ? () => register(module, output) : () => call(module, files);
  await connection(work, { LogOutput: process.stdout });
}

async function register(module: unknown, output: string) {
  await writeFile(output, JSON.stringify(await new Register(module).run()));
}

async function call(module: unknown, files: object[]) {
  const current = dag.currentFunctionCall();
  try {
    const [parentName, fnName, parent, inputs] = await Promise.all([
      current.parentName(),
      current.name(),
      current.parent(),
      current.inputArgs(),
    ]);
    const args = await Promise.all(inputs.map(async (arg) => [await arg.name(), JSON.parse(await arg.value())]));
    const result = await invoke(new Executor(files, module), module, {
      parentName,
      fnName,
      parentArgs: JSON.parse(parent) ?? {},
      fnArgs: Object.fromEntries(args),
    });
    await current.returnValue(JSON.stringify(result ?? null));
  } catch (error) {
    await current.returnError(asDaggerError(error));
    await telemetry.close();
    process.exit(1);
  }
}

/** The error as the engine hands it on: its message, and what an exec's or a request's error carries besides. */
function asDaggerError(error: unknown) {
  if (!(error instanceof Error)) return dag.error(typeof error === "string" ? error : JSON.stringify(error));
  let result = dag.error(error.message);
  const extensions = (error as { extensions?: Record<string, unknown> }).extensions ?? {};
  for (const [key, value] of Object.entries(extensions)) {
    if (value !== "" && value !== undefined && value !== null) result = result.withValue(key, JSON.stringify(value));
  }
  return result;
}
