import type { Directory } from "@dagger.io/dagger";
import { type Document, LineCounter, parseAllDocuments, type ScalarTag, type Tags, visit } from "yaml";
import type { ClusterObject } from "./kubernetes.js";

/** A file's text, with what tells places in it. */
interface FileText {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
}

/** Why something can't be read, and where. */
interface Fault {
  readonly offset: number;
  readonly message: string;
}

/** In go-yaml these unquoted words are booleans (YAML 1.1); in YAML 1.2 they are text. */
const booleanWord: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:[yYnN]|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF)$/,
  resolve: (word) => /^(?:y|yes|on)$/i.test(word),
  identify: () => false,
};

/** And a number that begins with 0 is octal, as a file's mode is: `0400` is 256. */
const octalNumber: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?0[0-7]+$/,
  resolve: (digits) => Number.parseInt(digits, 8),
  identify: () => false,
};

/** How Flux, Helm and kubectl read YAML, by go-yaml: as YAML 1.1 in part. */
export const goYaml = {
  merge: true,
  customTags: (tags: Tags): Tags => [booleanWord, octalNumber, ...tags],
} as const;

/**
 * Reads a YAML file: its one document, or of several the one of a kind. What is empty or not there is an empty object.
 *
 * @throws Error when the YAML is broken (file, line, column), and when there are several documents and no kind is asked for
 */
export async function readYaml(source: Directory, file: string, kind?: string): Promise<object> {
  const read = { file, text: await source.file(file).contents(), lines: new LineCounter() };
  const options = { keepSourceTokens: true, lineCounter: read.lines, prettyErrors: false };
  const documents = [...parseAllDocuments(read.text, options)].map((document) => plainData(document, read));
  const found = documents.filter((data) => typeof data === "object" && data !== null);
  if (kind) return found.find((data) => "kind" in data && data.kind === kind) ?? {};
  if (found.length > 1)
    throw new Error(`${file}: there are ${found.length} documents in this file; the pipeline needs exactly one`);
  return found[0] ?? {};
}

/** The objects in a text of YAML documents; those of a List one by one. */
export function objectsIn(text: string): ClusterObject[] {
  return parseAllDocuments(text, goYaml)
    .map((document) => document.toJS() as (ClusterObject & { items?: ClusterObject[] }) | null)
    .flatMap((object) => (object?.kind?.endsWith("List") && object.items ? object.items : [object]))
    .filter((object): object is ClusterObject => typeof object?.kind === "string");
}

function plainData(document: Document.Parsed, read: FileText): unknown {
  const fault = faultOf(document);
  if (fault) throw new Error(messageAt(read, fault));
  try {
    return document.toJS();
  } catch (error) {
    // What is left to fail here are aliases.
    throw new Error(`${read.file}: broken YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Why the YAML of a document is broken; it is parsed with its source tokens. */
export function faultOf(document: Document.Parsed): Fault | undefined {
  const [error] = document.errors;
  if (!error) return undefined;
  const opened = error.code === "MISSING_CHAR" ? openedQuote(document) : undefined;
  return opened === undefined
    ? { offset: error.pos[0], message: `broken YAML: ${error.message}` }
    : { offset: opened, message: "broken YAML: this quote is never closed" };
}

/** Where the first quote starts that has no end: the parser itself reports the end of the file. */
function openedQuote(document: Document.Parsed): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Scalar: (_, node) => {
      const token = node.srcToken;
      if (token?.type !== "double-quoted-scalar" && token?.type !== "single-quoted-scalar") return undefined;
      if (token.source.length > 1 && token.source.endsWith(token.source.charAt(0))) return undefined;
      offset = token.offset;
      return visit.BREAK;
    },
  });
  return offset;
}

/** Says `file:line:column` before the message, and shows the line below it. */
export function messageAt(read: FileText, { offset, message }: Fault): string {
  const { line, col } = positionIn(read, offset);
  const source = read.text.split(/\r?\n/)[line - 1] ?? "";
  const gutter = String(line).replace(/./g, " ");
  // A tab in the line is a tab before the caret too, so that both stay in one column.
  const before = source.slice(0, col - 1).replace(/[^\t]/g, " ");
  return `${placeIn(read, offset)}: ${message}\n\n  ${line} | ${source}\n  ${gutter} | ${before}^`;
}

/** `file:line:column` */
export function placeIn(read: FileText, offset: number): string {
  const { line, col } = positionIn(read, offset);
  return `${read.file}:${line}:${col}`;
}

function positionIn({ text, lines }: FileText, offset: number): { line: number; col: number } {
  const last = text.replace(/\s+$/, "").length;
  return lines.linePos(Math.min(offset, last));
}
