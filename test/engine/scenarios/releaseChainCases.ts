/**
 * Releases that can't come good, each at another link of the chain, and what `status` shows then.
 */
import type { Directory } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { textOf } from "./cases.js";
import { environment } from "./environments.js";
import { requestSync } from "./flux.js";
import { commitFile } from "./git.js";
import { startPlatform } from "./platform.js";
import { setTag } from "./release.js";
import { waitForRelease } from "./releaseChain.js";
import { imageRepository } from "./releaseFile.js";
import { statusOf } from "./status.js";

const local = environment("local");
const log = (line: string) => console.log(line);

/** In the order of its life; one text for each case. */
export async function releaseChainCases(source: Directory): Promise<Record<string, string>> {
  const registry = await sampleRegistry(source, await imageRepository(source, local));
  const platform = await startPlatform({ source, environment: local, registry, log });
  const { api } = platform;
  const results: Record<string, string> = {};
  const { namespace, helmRelease } = local;
  const wait = async (name: string, tag: string, revision?: string) => {
    const options = { namespace, helmRelease, tag, timeoutSeconds: 240, log, ...(revision && { revision }) };
    results[name] = await waitForRelease(api, options).then(({ tag: out }) => `${out} is out`, textOf);
    log(`${name}: ${results[name]}`);
  };
  const commit = async (edit: (text: string) => string) => {
    const author = "Test <test@helloworld.invalid>";
    const { sha } = await commitFile(platform.git.remote, local.releaseFile, edit, {
      author,
      message: "a change",
      log,
    });
    await requestSync(api, local, sha, log);
    return sha;
  };
  const withTag = (tag: string) => commit((text) => setTag(text, tag, local.releaseFile));
  const replaced = (text: string, from: string, to: string) => {
    if (!text.includes(from)) throw new Error(`${local.releaseFile} has no ${JSON.stringify(from)}`);
    return text.replace(from, to);
  };
  const replace = (from: string, to: string) => commit((text) => replaced(text, from, to));
  const status = async (name: string, tag: string) => {
    results[name] = await statusOf(api, { environment: local, tag });
  };
  try {
    await wait("first", "v0.1.0");
    await status("status: well", "v0.1.0");
    await wait("invalid field", "v0.1.0", await replace("interval: 10m", "interval: soon"));
    await status("status: invalid field", "v0.1.0");
    await wait(
      "no such folder",
      "v0.1.0",
      await commit((text) =>
        replaced(replaced(text, "interval: soon", "interval: 10m"), "./appManifests", "./appManifest"),
      ),
    );
    await wait(
      "wrong values",
      "v0.1.0",
      await commit((text) =>
        replaced(replaced(text, "./appManifest\n", "./appManifests\n"), "minReplicas: 1", "minReplicas: many"),
      ),
    );
    await wait("mended", "v0.1.0", await replace("minReplicas: many", "minReplicas: 1"));
    await wait("no such tag", "v7.0.0", await withTag("v7.0.0"));
    await status("status: no such tag", "v7.0.0");
    const [apiVersion, kind] = ["helm.toolkit.fluxcd.io/v2", "HelmRelease"];
    await api.patchObject({ apiVersion, kind, namespace, name: helmRelease }, { spec: { suspend: true } });
    await wait("suspended", "v0.1.0", await withTag("v0.1.0"));
    await status("status: suspended", "v0.1.0");
  } finally {
    await platform.stop();
  }
  return results;
}
