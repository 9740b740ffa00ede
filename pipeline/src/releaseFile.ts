import type { Directory } from "@dagger.io/dagger";
import { CHART, type EnvironmentEntry } from "./environments.js";
import { type HelmRelease, readRelease } from "./release.js";
import { readYaml } from "./yamlFile.js";

/**
 * What an environment's release file says.
 *
 * @throws ReleaseFileError (file, line, column)
 */
export async function releaseOf(source: Directory, { releaseFile }: EnvironmentEntry): Promise<HelmRelease> {
  return readRelease(await source.file(releaseFile).contents(), releaseFile);
}

/** The release file's tag: the version that is released in an environment. */
export async function releasedTag(source: Directory, environment: EnvironmentEntry): Promise<string> {
  return (await releaseOf(source, environment)).tag;
}

/** The image's repository in an environment, such as `ghcr.io/damekarv/helloworld`: the release file's, else the chart's. */
export async function imageRepository(source: Directory, environment: EnvironmentEntry): Promise<string> {
  const { repository } = await releaseOf(source, environment);
  if (repository) return repository;
  const file = `${CHART}/values.yaml`;
  const values = (await readYaml(source, file)) as { image?: { repository?: string } };
  if (values.image?.repository) return values.image.repository;
  throw new Error(`Neither ${environment.releaseFile} nor ${file} names image.repository.`);
}
