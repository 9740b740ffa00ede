import { describe, expect, it } from "vitest";
import { EXCEPT_TAGS, ReleaseFileError, readRelease, setTag } from "../../pipeline/src/release.js";
import { TagError } from "../../pipeline/src/tag.js";

const FILE = "clusters/dev/release.yaml";

const TYPICAL = `# The version that dev runs.
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: helloworld
  namespace: helloworld
spec:
  interval: 1m
  chart:
    spec:
      chart: ./appManifests   # in this repository
      sourceRef: {kind: GitRepository, name: helloworld}
  values:
    replicaCount: 2
    image:
      repository: ghcr.io/damekarv/helloworld
      # bumped by the pipeline
      tag: "v0.1.0" # do not edit by hand
    flags: [yes, "yes", off, Null]
`;

/** The start of a HelmRelease, up to and with the line \`values:\`. */
const HEAD = TYPICAL.slice(0, TYPICAL.indexOf("    replicaCount"));

/** With this annotation of tags that are not to be started. */
const excepting = (tags: string) =>
  TYPICAL.replace("metadata:", `metadata:\n  annotations:\n    ${EXCEPT_TAGS}: ${tags}`);

function errorOf(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

describe("readRelease", () => {
  it("reads what the pipeline needs", () => {
    expect(readRelease(TYPICAL, FILE)).toEqual({
      name: "helloworld",
      namespace: "helloworld",
      targetNamespace: "helloworld",
      chart: "./appManifests",
      repository: "ghcr.io/damekarv/helloworld",
      tag: "v0.1.0",
      upgradesUnawaited: false,
      releaseName: "helloworld",
      unknownInputs: [],
      exceptTags: [],
      values: {
        replicaCount: 2,
        image: { repository: "ghcr.io/damekarv/helloworld", tag: "v0.1.0" },
        flags: [true, "yes", false, null],
      },
    });
  });

  it("knows what else Flux would make the manifests from, and what it would call the release", () => {
    const more = TYPICAL.replace(
      "  interval: 1m",
      "  targetNamespace: web\n  valuesFrom: [{kind: Secret, name: more}]\n  postRenderers: []",
    );
    expect(readRelease(more, FILE)).toMatchObject({
      releaseName: "web-helloworld",
      unknownInputs: ["spec.valuesFrom"],
    });
  });

  it("knows tags that are not to be started", () => {
    expect(readRelease(excepting('"v0.3.0, v0.4.0 v0.5.0"'), FILE).exceptTags).toEqual(["v0.3.0", "v0.4.0", "v0.5.0"]);
  });

  it.each(["", "null", '""', '" "'])("takes what may be missing for missing where it is %s", (nothing) => {
    expect(readRelease(excepting(nothing), FILE).exceptTags).toEqual([]);
    const namespaced = TYPICAL.replace("  interval: 1m", `  targetNamespace: ${nothing}`);
    expect(readRelease(namespaced, FILE).targetNamespace).toBe("helloworld");
    const imaged = TYPICAL.replace("ghcr.io/damekarv/helloworld", nothing);
    expect(readRelease(imaged, FILE).repository).toBeUndefined();
  });

  it("knows that an upgrade is good as soon as it is applied", () => {
    const text = TYPICAL.replace("  interval: 1m", "  interval: 1m\n  upgrade: {disableWait: true}");
    expect(readRelease(text, FILE).upgradesUnawaited).toBe(true);
  });

  it("knows a target namespace", () => {
    const text = TYPICAL.replace("  interval: 1m", "  targetNamespace: other");
    expect(readRelease(text, FILE)).toMatchObject({ namespace: "helloworld", targetNamespace: "other" });
  });

  it("resolves aliases and merge keys in values as Flux does", () => {
    const text = `${HEAD}    image: {repository: r, tag: v0.1.0}\n    base: &b {cpu: 1}\n    more:\n      <<: *b\n      mem: 2\n`;
    expect(readRelease(text, FILE).values).toMatchObject({ more: { cpu: 1, mem: 2 } });
  });

  it("finds the one HelmRelease among several documents", () => {
    const others = "apiVersion: v1\nkind: Namespace\nmetadata: {name: helloworld}\n---\n";
    expect(readRelease(`---\n${others}${TYPICAL}---\n# nothing here\n`, FILE).tag).toBe("v0.1.0");
  });
});

describe("broken and unsuitable files", () => {
  it("shows file, line, column and the line of broken YAML", () => {
    const error = errorOf(() => readRelease("a:\n  b: 1\n c: 2\n", FILE));
    expect(error).toBeInstanceOf(ReleaseFileError);
    expect(error.message).toBe(
      `${FILE}:3:1: broken YAML: All mapping items must start at the same column\n\n  3 |  c: 2\n    | ^`,
    );
  });

  it("points to the quote that is never closed, not to the end of the file", () => {
    const error = errorOf(() => readRelease(TYPICAL.replace('"v0.1.0"', '"v0.1.0'), FILE));
    expect(error.message).toContain(`${FILE}:18:12: broken YAML: this quote is never closed`);
    expect(error.message).toContain('  18 |       tag: "v0.1.0 # do not edit by hand\n     |            ^');
  });

  it("keeps the caret under its character behind tabs and in CRLF files", () => {
    const error = errorOf(() => readRelease("kind: x\r\na:\t@b\r\n", FILE));
    expect(error.message).toContain(`${FILE}:2:4: broken YAML`);
    expect(error.message).toContain("  2 | a:\t@b\n    |   \t^");
  });

  it.each([
    ["nothing", "", `${FILE}: there is no HelmRelease in this file (it is empty)`],
    ["only comments", "# x\n", `${FILE}: there is no HelmRelease in this file (it is empty)`],
    ["another kind", "kind: Namespace\n", `${FILE}: there is no HelmRelease in this file (it has Namespace)`],
    ["no kind", "a: 1\n", `${FILE}: there is no HelmRelease in this file (it has no kind)`],
    ["a list", "- a\n", `${FILE}:1:1: a Kubernetes object starts with apiVersion and kind`],
    ["a text", "hello\n", `${FILE}:1:1: a Kubernetes object starts with`],
    ["two HelmReleases", `${TYPICAL}---\n${TYPICAL}`, `${FILE}: there are 2 HelmReleases`],
    ["a merge conflict", `<<<<<<< HEAD\n${TYPICAL}`, `${FILE}:`],
    ["a key given twice", TYPICAL.replace("  interval: 1m", "  chart: {}"), `${FILE}:9:3: broken YAML: Map keys`],
    [
      "an old API",
      TYPICAL.replace("io/v2", "io/v2beta1"),
      `${FILE}: the HelmRelease has apiVersion helm.toolkit.fluxcd`,
    ],
    ["an alias of nothing", `${HEAD}    image: *nothing\n`, `broken YAML: there is no anchor &nothing`],
    ["no name", TYPICAL.replace("  name: helloworld\n", ""), `${FILE}: metadata.name is missing`],
    ["no chart", TYPICAL.replace("chart: ./app", "x: ./app"), `${FILE}: spec.chart.spec.chart is missing`],
    ["a number as repository", TYPICAL.replace("ghcr.io/damekarv/helloworld", "1"), "image.repository is not a text"],
  ])("refuses %s", (_, text, message) => {
    const error = errorOf(() => readRelease(text, FILE));
    expect(error).toBeInstanceOf(ReleaseFileError);
    expect(error.message).toContain(message);
  });

  it.each([
    ["no tag", "image: {repository: r}", "spec.values.image.tag is missing (there is no spec.values.image.tag)"],
    ["no image", "replicaCount: 1", "spec.values.image.tag is missing (there is no spec.values.image)"],
    ["an empty image", "image:", "spec.values.image.tag is missing"],
    ["an empty tag", "image: {repository: r, tag: }", "spec.values.image.tag is missing"],
    ["an empty text", "image: {repository: r, tag: ''}", "spec.values.image.tag is empty"],
    ["an image that is a text", "image: r:v0.1.0", "spec.values.image.tag is missing"],
    ["an unquoted number", "image: {repository: r, tag: 1.0}", "spec.values.image.tag is a number (1)"],
    ["an unquoted yes", "image: {repository: r, tag: yes}", "spec.values.image.tag is a boolean (true)"],
    ["a list", "image: {repository: r, tag: [v0.1.0]}", "spec.values.image.tag is no text"],
    ["an anchor", 'image: {repository: r, tag: &t "v0.1.0"}', "the anchor &t on the way"],
    ["an anchor above", 'image: &i {repository: r, tag: "v0.1.0"}', "the anchor &i on the way"],
    ["an alias", 'v: &t "v0.1.0"\n    image: {repository: r, tag: *t}', "reached through the alias *t"],
    ["an alias above", "v: &i {repository: r, tag: v0.1.0}\n    image: *i", "reached through the alias *i"],
    [
      "a tag by merge key",
      "v: &i {tag: v0.1.0}\n    image: {<<: *i, repository: r}",
      "spec.values.image.tag is missing",
    ],
    [
      "a digest, which decides instead",
      'image: {repository: r, tag: "v0.1.0", digest: "sha256:0"}',
      "image.digest pins the image",
    ],
    ["a block of text", "image:\n      repository: r\n      tag: |-\n        v0.1.0", "is a block of text"],
  ])("refuses %s, reading and writing alike, with the place", (_, values, message) => {
    const text = `${HEAD}    ${values}\n`;
    for (const action of [() => readRelease(text, FILE), () => setTag(text, "v0.2.0", FILE)]) {
      const error = errorOf(action);
      expect(error).toBeInstanceOf(ReleaseFileError);
      expect(error.message).toContain(message);
      expect(error.message).toMatch(/^clusters\/dev\/release\.yaml:\d+:\d+: .*\n\n +\d+ \| .*\n +\| +\^$/);
    }
  });

  it.each([
    [
      '"0.3.0"',
      'The image tag "0.3.0" is not a version of the form vX.Y.Z (SemVer with a leading v). Did you mean v0.3.0?',
    ],
    ['"v0.3.0, latest"', 'The image tag "latest" names no version'],
  ])("refuses %s as tags that are not to be started, with the place", (tags, message) => {
    const error = errorOf(() => readRelease(excepting(tags), FILE));
    expect(error).toBeInstanceOf(ReleaseFileError);
    expect(error.message).toContain(`${FILE}:6:44: metadata.annotations.${EXCEPT_TAGS}: ${message}`);
    expect(error.message).toMatch(/\n\n {2}6 \| .*\n {4}\| +\^$/);
  });

  it("refuses a tag that is no version before it looks at the file", () => {
    expect(() => setTag("broken: [", "latest", FILE)).toThrow(TagError);
  });
});

describe("setTag", () => {
  it("changes the tag and nothing else", () => {
    expect(setTag(TYPICAL, "v0.2.0", FILE)).toBe(TYPICAL.replace("v0.1.0", "v0.2.0"));
  });

  it("leaves a file that has the tag already as it is", () => {
    expect(setTag(TYPICAL, "v0.1.0", FILE)).toBe(TYPICAL);
  });

  it("does not mistake other tags for the one of the image", () => {
    const text = `${HEAD}    sidecar:\n      image: {tag: "v0.1.0"}\n    tag: "v0.1.0"\n    image:\n      x: {tag: v0.1.0}\n      tag: "v0.1.0"\n      repository: r\n`;
    expect(setTag(text, "v0.2.0", FILE)).toBe(
      `${HEAD}    sidecar:\n      image: {tag: "v0.1.0"}\n    tag: "v0.1.0"\n    image:\n      x: {tag: v0.1.0}\n      tag: "v0.2.0"\n      repository: r\n`,
    );
  });

  const scalars = [
    '"v0.1.0"',
    "'v0.1.0'",
    "v0.1.0",
    '!!str "v0.1.0"',
    '"v0.1.0-rc.1"',
    '"latest"',
    "'it''s'",
    '"\\u0076x"',
    "0.1.0",
  ];
  const spellings = [
    (tag: string) => `image:\n      repository: r\n      tag: ${tag}\n`,
    (tag: string) => `image:\n      tag:    ${tag}    # kept: "v0.1.0"\n      repository: r\n`,
    (tag: string) => `image: {repository: r, tag: ${tag}}\n`,
    (tag: string) => `image: { tag: ${tag} , repository: r } # kept\n`,
    (tag: string) => `"image":\n      "tag": ${tag}\n      'repository': "r"\n`,
    (tag: string) => `image:\n      # above\n      tag:\n        ${tag}\n      # below\n      repository: r\n`,
    (tag: string) => `image:\n      ? tag\n      : ${tag}\n      ? repository\n      : r\n`,
  ];
  const surroundings = [
    (text: string) => text,
    (text: string) => text.trimEnd(),
    (text: string) => `${text}\n\n`,
    (text: string) => text.replaceAll("\n", "\r\n"),
    (text: string) => text.replaceAll("\n", "\r\n").trimEnd(),
    (text: string) => `\uFEFF${text}`,
    (text: string) => `%YAML 1.2\n---\n${text}...\n`,
    (text: string) =>
      `# first\n---\nkind: Namespace\nmetadata: {name: 'a'}\n---\n${text}---\nkind: ConfigMap\ndata: {tag: v0.1.0}\n`,
    (text: string) => text.replace("metadata:", "metadata:   \t"),
    (text: string) => `${text}    ümlaut: "ⓥ 🚀 \\n"  \n    long: >-\n      folded\n\n      text\n`,
  ];

  it(`keeps every other byte in ${scalars.length * spellings.length * surroundings.length} shapes of file`, () => {
    let shape = 0;
    for (const scalar of scalars)
      for (const spelling of spellings)
        for (const surround of surroundings) {
          shape += 1;
          const tag = `v0.2.${shape}${shape % 2 ? "" : "-rc.1"}`;
          // The place of the tag is marked by a character that occurs nowhere else.
          const template = surround(`${HEAD}    ${spelling("§")}`);
          const property = scalar.startsWith("!!str ") ? "!!str " : "";
          const quote = /["']$/.exec(scalar)?.[0] ?? "";
          const before = template.replace("§", () => scalar);
          const changed = setTag(before, tag, FILE);
          expect(changed).toBe(template.replace("§", () => `${property}${quote}${tag}${quote}`));
          expect(readRelease(changed, FILE).tag).toBe(tag);
        }
    expect(shape).toBe(scalars.length * spellings.length * surroundings.length);
  });
});
