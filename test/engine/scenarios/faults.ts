/** Versions that don't pass `ci`, one after the other on one platform: each is stopped, and taken back by a commit. */
import { randomUUID } from "node:crypto";
import { type Directory, dag } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { givenUpSoon } from "./canary.js";
import { collector } from "./cases.js";
import { ci } from "./ci.js";
import { environment } from "./environments.js";
import { waitForTag } from "./gitopsRelease.js";
import { files } from "./guardedGit.js";
import { startPlatform } from "./platform.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import { toMarkdown } from "./report.js";

const log = (line: string) => console.log(line);
const dev = environment("dev");

/** What `ci` says of each tag, and what git has in the end. */
export async function faultCases(tree: Directory, tags: readonly string[]): Promise<Record<string, unknown>> {
  const source = await givenUpSoon(tree);
  const registry = await sampleRegistry(source, await imageRepository(source, dev));
  const platform = await startPlatform({ source, environment: dev, registry, log });
  try {
    const { api, git, kubeconfig } = platform;
    const { remote } = git;
    const cluster = dag.setSecret(`dev-kubeconfig-${randomUUID()}`, kubeconfig);
    const options = { source, environment: dev, kubeconfig: cluster, registry, delivery: { remote }, log };
    await waitForTag({ api, remote, environment: dev, log }, await releasedTag(source, dev));
    const { results, note } = collector();
    for (const tag of tags) await note(tag, async () => toMarkdown((await ci({ ...options, tag })).report));
    await note("files", () => files(remote));
    return results;
  } finally {
    await platform.stop();
  }
}
