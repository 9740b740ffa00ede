import type { Directory } from "@dagger.io/dagger";
import { chooseTag, describeWatched } from "./chooseTag.js";
import type { EnvironmentEntry } from "./environments.js";
import { tagsOf } from "./evidence.js";
import type { GitRemote } from "./git.js";
import { historyOf } from "./gitHistory.js";
import { type AppRegistry, listAllTags } from "./registry.js";
import { readRelease, readVersion } from "./release.js";
import { imageRepository } from "./releaseFile.js";
import type { Log } from "./steps.js";

/**
 * Looks for a version that an environment does not have yet, and logs why every other tag is not it.
 *
 * @param remote the repository whose release file counts instead of the one in `source`, and whose history tells which tags the
 *   environment had, and were taken back
 * @returns the tag, or an empty text
 * @throws ReleaseFileError, also when the environment's tag is no version
 * @throws RegistryError: no such repository, 401, 403, still too many requests, no answer
 */
export async function watchRegistry(
  source: Directory,
  environment: EnvironmentEntry,
  except: readonly string[],
  registry: AppRegistry | undefined,
  log: Log,
  remote?: GitRemote,
): Promise<string> {
  const { releaseFile } = environment;
  const [repository, history] = await Promise.all([
    imageRepository(source, environment),
    remote && historyOf(remote, releaseFile, { fullHistory: true }),
  ]);
  const [host = ""] = repository.split("/");
  // A run that has waited for others has a checkout from before they changed the file.
  const text = history?.text ?? (await source.file(releaseFile).contents());
  const released = readVersion(text, releaseFile);
  const { exceptTags } = readRelease(text, releaseFile);
  // What the file has had was started before, and did not stay.
  const had = history ? tagsOf(history.commits, releaseFile) : [];
  const tags = await listAllTags(registry ?? { host }, repository);
  const watched = chooseTag(tags, released, [...except, ...exceptTags], had);
  for (const line of describeWatched(watched, released, repository)) log(line);
  return watched.tag ?? "";
}
