import type { Changeset, Directory } from "@dagger.io/dagger";
import { parse } from "yaml";
import type { EnvironmentEntry } from "./environments.js";
import { readRelease, setTag } from "./release.js";
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

/** The release file's tag: the version that is released in an environment. */
export async function releasedTag(source: Directory, environment: EnvironmentEntry): Promise<string> {
  return readRelease(await source.file(environment.releaseFile).contents(), environment.releaseFile).tag;
}

/** The image's repository in an environment, such as `ghcr.io/damekarv/helloworld`: the release file's, else the chart's. */
export async function imageRepository(source: Directory, environment: EnvironmentEntry): Promise<string> {
  const file = environment.releaseFile;
  const { repository } = readRelease(await source.file(file).contents(), file);
  if (repository) return repository;
  const values = parse(await source.file("appManifests/values.yaml").contents()) as { image?: { repository?: string } };
  if (values.image?.repository) return values.image.repository;
  throw new Error(`Neither ${file} nor appManifests/values.yaml names image.repository.`);
}
