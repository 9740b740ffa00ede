import type { Changeset, Directory } from "@dagger.io/dagger";
import type { EnvironmentEntry } from "./environments.js";
import { setTag } from "./release.js";
import { parseTag } from "./tag.js";

/**
 * The change of an environment's release file to another tag: one scalar, everything else byte for byte.
 *
 * @throws TagError or ReleaseFileError (file, line, column)
 */
export async function bump(source: Directory, environment: EnvironmentEntry, tag: string): Promise<Changeset> {
  const file = environment.releaseFile;
  const text = setTag(await source.file(file).contents(), parseTag(tag), file);
  return source.withNewFile(file, text).changes(source);
}
