// Which tag of the registry is started next, and what is said of the others.
import type { Directory } from "@dagger.io/dagger";
import { describe, expect, it, vi } from "vitest";
import { chooseTag, describeWatched } from "../../pipeline/src/chooseTag.js";
import { environment } from "../../pipeline/src/environments.js";
import { watchRegistry } from "../../pipeline/src/watchRegistry.js";

vi.mock(import("../../pipeline/src/registry.js"), async (original) => ({
  ...(await original()),
  listAllTags: async () => ["v0.1.0", "v0.2.0"],
}));

const why = (watched: ReturnType<typeof chooseTag>) => watched.passedOver.map(({ tag, why }) => `${tag}: ${why}`);

describe("the tag to start", () => {
  it("is the newest version after the released one, by SemVer and not by its letters", () => {
    const watched = chooseTag(["v0.2.0", "v0.10.0", "v0.9.0", "v0.1.0", "v0.0.9"], "v0.1.0");
    expect(watched.tag).toBe("v0.10.0");
    expect(why(watched)).toEqual([
      "v0.9.0: v0.10.0 is newer",
      "v0.2.0: v0.10.0 is newer",
      "v0.1.0: is released already",
      "v0.0.9: older than v0.1.0",
    ]);
  });

  it.each([
    ["there is nothing", []],
    ["the newest is released", ["v0.1.0", "v0.0.1"]],
    ["there are only pre-releases", ["v0.2.0-rc.1", "v1.0.0-alpha"]],
    ["the rest are no versions", ["latest", "main", "sha-0a1b2c3", "0.2.0", "v0.2", "v01.2.3", "sha256-abc.sig"]],
  ])("is none where %s", (_, tags) => {
    expect(chooseTag(tags, "v0.1.0").tag).toBeUndefined();
  });

  it("is none that is not to be started; then the one before it", () => {
    const tags = ["v0.4.0", "v0.3.0", "v0.2.0"];
    const watched = chooseTag(tags, "v0.2.0", ["v0.4.0"]);
    expect(watched.tag).toBe("v0.3.0");
    expect(why(watched)[0]).toBe("v0.4.0: named as one not to start");
    expect(chooseTag(tags, "v0.3.0", ["v0.4.0"]).tag).toBeUndefined();
  });

  it("is the version itself where a pre-release of it is released", () => {
    expect(chooseTag(["v0.2.0", "v0.2.0-rc.1"], "v0.2.0-rc.1").tag).toBe("v0.2.0");
  });

  it("comes with a line for each tag that was passed over, but for the old ones", () => {
    const watched = chooseTag(["latest", "v0.3.0-rc.1", "v0.2.0", "v0.1.0", "v0.0.2", "v0.0.1"], "v0.1.0");
    expect(describeWatched(watched, "v0.1.0", "ghcr.io/a/b")).toEqual([
      "ghcr.io/a/b: v0.2.0 is new; the environment has v0.1.0",
      "passed over v0.3.0-rc.1: a pre-release",
      "passed over v0.1.0: is released already",
      "passed over latest: no version of the form vX.Y.Z",
      "passed over 2 tags older than v0.1.0",
    ]);
  });

  it("is none that the release file has had and lost again", () => {
    const watched = chooseTag(["v0.4.0", "v0.3.0", "v0.2.0"], "v0.3.0", [], ["v0.3.0", "v0.4.0", "v0.2.0"]);
    expect(watched.tag).toBeUndefined();
    expect(why(watched)[0]).toBe("v0.4.0: was started before, and taken back, or replaced by an older one");
  });
});

describe("a release file to compare with", () => {
  const releasing = (tag: string) => `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: helloworld, namespace: helloworld}
spec:
  chart: {spec: {chart: ./appManifests}}
  values:
    image: {repository: ghcr.io/a/b, tag: "${tag}"}
`;
  const watch = async (tag: string) => {
    const source = { file: () => ({ contents: async () => releasing(tag) }) } as unknown as Directory;
    return await watchRegistry(source, environment("dev"), [], undefined, () => undefined);
  };

  it("has a version", async () => {
    expect(await watch("v0.1.0")).toBe("v0.2.0");
  });

  it.each([
    ["latest", 'The image tag "latest" names no version'],
    [
      "0.1.0",
      'The image tag "0.1.0" is not a version of the form vX.Y.Z (SemVer with a leading v). Did you mean v0.1.0?',
    ],
  ])("and is named where its tag is none (%s)", async (tag, message) => {
    await expect(watch(tag)).rejects.toThrow(`clusters/dev/release.yaml:7:43: spec.values.image.tag: ${message}`);
  });
});
