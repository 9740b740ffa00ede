import coerce from "semver/functions/coerce.js";
import parse from "semver/functions/parse.js";

/** The longest tag an image registry accepts (OCI distribution spec, "Pulling manifests": `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`). */
const LONGEST_TAG = 128;

const EXAMPLE = "Give a released version such as v0.2.0.";

/** A tag that names no single released version; `message` says why and gives an example. */
export class TagError extends Error {
  override name = "TagError";
}

/**
 * Checks that `text` is a released version of the application as this platform tags its images: SemVer with a leading
 * `v` (`v0.2.0`, `v1.0.0-rc.1`).
 *
 * @returns the same text, now known to be safe in YAML, in an image reference and on a command line
 * @throws TagError saying what is wrong and, where it can be guessed, which tag was meant
 */
export function parseTag(text: string): string {
  const complaint = whatIsWrong(text);
  if (complaint) throw new TagError(complaint);
  return text;
}

function whatIsWrong(text: string): string | undefined {
  if (text.trim() === "") return `The image tag is empty. ${EXAMPLE}`;
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  if (text !== text.trim()) return `The image tag ${shown} has white space around it.${suggestion(text.trim())}`;
  if (text.length > LONGEST_TAG)
    return `The image tag ${shown} has ${text.length} characters; registries accept ${LONGEST_TAG}. ${EXAMPLE}`;
  if (text.includes("@") || text.startsWith("sha256:"))
    return `The image tag ${shown} is a digest. The release file holds a version that people can read. ${EXAMPLE}`;
  if (/[/:]/.test(text))
    return `The image tag ${shown} is a whole reference. Give only the tag.${suggestion(text.slice(text.search(/[^/:]*$/)))}`;
  if (text.includes("+"))
    return `The image tag ${shown} has SemVer build metadata: registries do not accept "+" in a tag.${suggestion(text.slice(0, text.indexOf("+")))}`;
  if (/^v\d/.test(text) && parse(text)?.version === text.slice(1)) return undefined;
  if (!/\d/.test(text)) return `The image tag ${shown} names no version: what it points to can change. ${EXAMPLE}`;
  return `The image tag ${shown} is not a version of the form vX.Y.Z (SemVer with a leading v).${suggestion(text)}`;
}

/** "Did you mean …?" when the text holds something like a version, an example when it does not. */
function suggestion(text: string): string {
  const bare = text.replace(/^[vV]/, "");
  const version =
    parse(bare, { loose: true })?.version ?? (/^\d+(\.\d+){0,2}$/.test(bare) ? coerce(bare)?.version : null);
  return version ? ` Did you mean v${version}?` : ` ${EXAMPLE}`;
}
