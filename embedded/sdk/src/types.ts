// The types that the SDK's introspector reads from a module's source, as JSON: written once per version of the source,
// read at each call instead of the source.
import * as introspected from "../node_modules/@dagger.io/dagger/dist/src/module/introspector/dagger_module/index.js";

/** What of the introspector's objects is the compiler's own. */
const COMPILER_STATE = new Set([
  "node",
  "__node",
  "ast",
  "symbol",
  "signature",
  "checker",
  "files",
  "userModule",
  "file",
]);

type Json = null | string | number | boolean | Json[] | { [key: string]: Json };

/** The introspector's result as plain data: each object with its class and its place in the source. */
export function describe(value: unknown): Json {
  if (value === null || typeof value !== "object") return (value ?? null) as Json;
  if (Array.isArray(value)) return value.map(describe);
  const result: { [key: string]: Json } = {};
  for (const [key, item] of Object.entries(value)) {
    if (!COMPILER_STATE.has(key) && item !== undefined) result[key] = describe(item);
  }
  const name = value.constructor.name;
  if (name !== "Object") {
    result.$class = name;
    if ("getLocation" in value && typeof value.getLocation === "function") result.$location = value.getLocation();
  }
  return result;
}

/** The introspector's objects back from `describe`'s data, without their compiler. */
export function revive(value: Json): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(revive);
  const { $class, $location, ...fields } = value;
  const shape = $class ? (introspected as Record<string, { prototype: object }>)[$class as string] : undefined;
  const result = shape ? Object.create(shape.prototype) : {};
  for (const [key, item] of Object.entries(fields)) result[key] = revive(item);
  if ($location !== undefined) result.getLocation = () => $location;
  if ($class === "DaggerConstructor" || $class === "DaggerFunction") {
    result.getArgsOrder = () => Object.keys(result.arguments);
  }
  return result;
}
