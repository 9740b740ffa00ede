import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from "yaml";
import { parseTag, TagError } from "./tag.js";
import { faultOf, goYaml, messageAt } from "./yamlFile.js";

/** What a release file says: the part of a Flux HelmRelease that the pipeline renders, tests and bumps. */
export interface HelmRelease {
  readonly name: string;
  readonly namespace: string;
  /** The namespace of the application's objects; Flux takes the HelmRelease's own one when it is not given. */
  readonly targetNamespace: string;
  /** The chart's folder, relative to the root of the source that Flux pulls (`spec.chart.spec.chart`). */
  readonly chart: string;
  /** `spec.values` as Flux gives them to Helm, aliases and merge keys resolved. */
  readonly values: Record<string, unknown>;
  /** `spec.values.image.tag`: the version that runs. */
  readonly tag: string;
  /** `spec.values.image.repository`, without a tag; undefined when the chart's own value holds. */
  readonly repository: string | undefined;
  /** Whether an upgrade is good as soon as it is applied (`spec.upgrade.disableWait`). */
  readonly upgradesUnawaited: boolean;
  /** What the Helm release is called. */
  readonly releaseName: string;
  /** What Flux would make the manifests from besides, and the pipeline does not know: paths such as `spec.valuesFrom`. */
  readonly unknownInputs: readonly string[];
  /** The tags of the annotation `EXCEPT_TAGS`: versions that are not to be started in this environment. */
  readonly exceptTags: readonly string[];
}

/** Holds tags, with commas or spaces between them, such as one that has failed: nothing starts them again. */
export const EXCEPT_TAGS = "helloworld-infrastructure/except-tags";

/** A release file the pipeline can't use; `message` starts with `file:line:column` and shows the line where there is one. */
export class ReleaseFileError extends Error {
  override name = "ReleaseFileError";
}

const UNKNOWN_INPUTS = ["spec.valuesFrom", "spec.chart.spec.valuesFiles", "spec.postRenderers"] as const;
const isEmptyList = (value: unknown) =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

const TAG_PATH = ["spec", "values", "image", "tag"] as const;
const EXCEPT_PATH = ["metadata", "annotations", EXCEPT_TAGS] as const;

/**
 * Reads the text of a `clusters/<environment>/release.yaml`.
 *
 * @param file how to call the file in errors
 * @throws ReleaseFileError when the YAML is broken, when it has not exactly one HelmRelease (helm.toolkit.fluxcd.io/v2),
 *   when the chart or the image tag are missing or of the wrong kind, or when the annotation names what is no version
 */
export function readRelease(text: string, file: string): HelmRelease {
  return new ReleaseFile(text, file).read();
}

/**
 * The image tag of a release file, where it must be a released version.
 *
 * @throws ReleaseFileError as `readRelease` does, and when the tag is none
 */
export function readVersion(text: string, file: string): string {
  return new ReleaseFile(text, file).releasedVersion();
}

/**
 * Writes another image tag into the text of a release file. Only the characters of the tag itself change: comments,
 * quotes, order of keys, indentation, line ends and the last newline stay as they are. A text that has the tag already
 * comes back unchanged.
 *
 * @throws TagError when `tag` is no released version
 * @throws ReleaseFileError as `readRelease` does, and when the tag can't be changed without changing something else
 */
export function setTag(text: string, tag: string, file: string): string {
  parseTag(tag);
  const release = new ReleaseFile(text, file);
  const { value, start, end } = release.tag();
  if (value === tag) return text;
  const quote = /["']/.test(text.charAt(start)) ? text.charAt(start) : "";
  const changed = text.slice(0, start) + quote + tag + quote + text.slice(end);
  const now = readRelease(changed, file).tag;
  if (now !== tag)
    throw new ReleaseFileError(`${file}: writing the tag ${tag} gave ${now}; the file is left as it was`);
  return changed;
}

/** Whether values of the chart have Flagger judge a new version before it gets users' requests. */
export function isAnalysed(values: Record<string, unknown>): boolean {
  return valueAt(values, ["canary", "enabled"]) === true;
}

/** One parsed release file, with the places of everything in it for messages. */
class ReleaseFile {
  private readonly lines = new LineCounter();
  private readonly document: Document.Parsed;
  /** The whole HelmRelease as plain data. */
  private readonly data: unknown;
  private readonly text: string;
  private readonly file: string;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
    this.document = this.onlyRelease();
    this.data = this.plainData();
  }

  read(): HelmRelease {
    const tag = this.tag().value;
    const namespace = this.string(["metadata", "namespace"]);
    const name = this.string(["metadata", "name"]);
    const target = this.optional(["spec", "targetNamespace"]);
    return {
      name,
      namespace,
      targetNamespace: target ?? namespace,
      chart: this.string(["spec", "chart", "spec", "chart"]),
      values: valueAt(this.data, ["spec", "values"]) as Record<string, unknown>,
      tag,
      repository: this.optional(["spec", "values", "image", "repository"]),
      upgradesUnawaited: valueAt(this.data, ["spec", "upgrade", "disableWait"]) === true,
      // As Flux calls it (api/v2, GetReleaseName).
      releaseName: this.optional(["spec", "releaseName"]) ?? (target ? `${target}-${name}` : name),
      unknownInputs: UNKNOWN_INPUTS.filter((path) => !isEmptyList(valueAt(this.data, path.split(".")))),
      exceptTags: this.exceptTags(),
    };
  }

  /** The image tag, which must be a version. */
  releasedVersion(): string {
    return this.version(this.tag().value, TAG_PATH);
  }

  /** One that is mistyped would exclude nothing. */
  private exceptTags(): string[] {
    const tags = (this.optional(EXCEPT_PATH) ?? "").split(/[\s,]+/).filter(Boolean);
    return tags.map((tag) => this.version(tag, EXCEPT_PATH));
  }

  private version(tag: string, path: readonly string[]): string {
    try {
      return parseTag(tag);
    } catch (error) {
      if (!(error instanceof TagError)) throw error;
      throw this.atPath(path, `${path.join(".")}: ${error.message}`);
    }
  }

  private optional(path: readonly string[]): string | undefined {
    const value = valueAt(this.data, path) ?? "";
    return typeof value === "string" && value.trim() === "" ? undefined : this.string(path);
  }

  /** The image tag and the range of characters that spells it, quotes included. */
  tag(): { value: string; start: number; end: number } {
    this.refuseDigest();
    const node = this.walk(TAG_PATH);
    if (isAlias(node)) throw this.aliased(node);
    if (!isScalar(node) || typeof node.value !== "string") {
      const shown = isScalar(node) ? `is ${typeName(node.value)}` : "is no text";
      throw this.at(node, `spec.values.image.tag ${shown}: write the version in quotes, such as tag: "v0.2.0"`);
    }
    const token = node.srcToken;
    if (!token || token.type === "block-scalar" || !("source" in token))
      throw this.at(node, 'spec.values.image.tag is a block of text: write it on one line, such as tag: "v0.2.0"');
    if (node.value.trim() === "") throw this.at(node, 'spec.values.image.tag is empty: write tag: "v0.2.0"');
    return { value: node.value, start: token.offset, end: token.offset + token.source.length };
  }

  /** Beside a digest the tag says nothing: the chart pulls by the digest, and a new tag would change nothing that runs. */
  private refuseDigest(): void {
    const path = ["spec", "values", "image", "digest"];
    if (!valueAt(this.data, path)) return;
    throw this.atPath(
      path,
      `${path.join(".")} pins the image whatever its tag says: remove it, so that the tag decides`,
    );
  }

  private onlyRelease(): Document.Parsed {
    const documents = parseAllDocuments(this.text, {
      keepSourceTokens: true,
      lineCounter: this.lines,
      prettyErrors: false,
      ...goYaml,
    });
    const found = [...documents];
    for (const document of found) this.refuseBroken(document);
    const releases = found.filter((document) => !isEmpty(document) && document.get("kind") === "HelmRelease");
    const [release] = releases;
    if (!release) throw this.plain(`there is no HelmRelease in this file (${kindsOf(found)})`);
    if (releases.length > 1)
      throw this.plain(`there are ${releases.length} HelmReleases in this file; the pipeline needs exactly one`);
    const version = release.get("apiVersion");
    if (version !== "helm.toolkit.fluxcd.io/v2")
      throw this.plain(
        `the HelmRelease has apiVersion ${String(version)}; the pipeline knows helm.toolkit.fluxcd.io/v2`,
      );
    return release;
  }

  private plainData(): unknown {
    try {
      return this.document.toJS();
    } catch (error) {
      // What is left to fail here are aliases that unfold into far more than the file holds.
      throw this.plain(`broken YAML: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private refuseBroken(document: Document.Parsed): void {
    const fault = faultOf(document);
    if (fault) throw this.atOffset(fault.offset, fault.message);
    visit(document, {
      Alias: (_, alias) => {
        if (!alias.resolve(document))
          throw this.at(alias, `broken YAML: there is no anchor &${alias.source} before this alias`);
      },
    });
    if (!isEmpty(document) && !isMap(document.contents))
      throw this.at(
        document.contents as Node,
        "a Kubernetes object starts with apiVersion and kind, this is something else",
      );
  }

  /** Follows a path of keys. What the tag's own characters mean elsewhere (an anchor, an alias) would change with them. */
  private walk(path: readonly string[]): Node {
    let node: Node | null = this.document.contents;
    for (const [depth, key] of path.entries()) {
      if (isAlias(node)) throw this.aliased(node);
      if (node && "anchor" in node && node.anchor) throw this.anchored(node, node.anchor);
      const next: unknown = isMap(node) ? node.get(key, true) : undefined;
      if (!isNode(next) || (isScalar(next) && next.value === null))
        throw this.missing(path, isNode(next) ? next : node, depth);
      node = next;
    }
    if (node && "anchor" in node && node.anchor) throw this.anchored(node, node.anchor);
    return node as Node;
  }

  private string(path: readonly string[]): string {
    const value = valueAt(this.data, path);
    if (typeof value === "string" && value.trim() !== "") return value;
    throw this.atPath(path, `${path.join(".")} is ${value === undefined || value === null ? "missing" : "not a text"}`);
  }

  private missing(path: readonly string[], near: Node | null, depth: number): ReleaseFileError {
    const message = `${path.join(".")} is missing (there is no ${path.slice(0, depth + 1).join(".")}); it says which version runs, such as tag: "v0.2.0"`;
    return near?.range ? this.at(near, message) : this.plain(message);
  }

  private aliased(node: Alias): ReleaseFileError {
    return this.at(
      node,
      `spec.values.image.tag is reached through the alias *${node.source}: write the tag itself here`,
    );
  }

  private anchored(node: Node, anchor: string): ReleaseFileError {
    return this.at(
      node,
      `the anchor &${anchor} on the way to spec.values.image.tag would carry a new tag elsewhere: write it without`,
    );
  }

  private plain(message: string): ReleaseFileError {
    return new ReleaseFileError(`${this.file}: ${message}`);
  }

  private atPath(path: readonly string[], message: string): ReleaseFileError {
    const node = this.document.getIn(path, true);
    return isNode(node) ? this.at(node, message) : this.plain(message);
  }

  private at(node: Node, message: string): ReleaseFileError {
    return this.atOffset(node.range?.[0] ?? 0, message);
  }

  private atOffset(offset: number, message: string): ReleaseFileError {
    const { file, text, lines } = this;
    return new ReleaseFileError(messageAt({ file, text, lines }, { offset, message }));
  }
}

function isEmpty(document: Document.Parsed): boolean {
  return document.contents === null || (isScalar(document.contents) && document.contents.value === null);
}

function kindsOf(documents: readonly Document.Parsed[]): string {
  const kinds = documents
    .filter((document) => !isEmpty(document))
    .map((document) => String(document.get("kind") ?? "no kind"));
  return kinds.length === 0 ? "it is empty" : `it has ${kinds.join(", ")}`;
}

function typeName(value: unknown): string {
  return `a ${typeof value} (${String(value)})`;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
}
