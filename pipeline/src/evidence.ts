import { ReleaseFileError, readRelease } from "./release.js";

/** What the pipeline's commits to release files say below their text: git's trailers, one line each. */
const TRAILERS = {
  tag: "Tag",
  digest: "Image-Digest",
  passed: "Passed",
  rolledBack: "Rolled-Back",
  run: "Run",
} as const;

/** How the line begins that each of them has. */
export const TAG_TRAILER = `${TRAILERS.tag}: `;

/** What a commit to a release file tells of it. */
export interface ReleaseNote {
  /** The release file. */
  readonly file: string;
  readonly tag: string;
  /** The digest of the tag's image when it was tested. */
  readonly digest?: string;
  /** The environment on which `ci` passed with this tag. */
  readonly passed?: string;
  /** The tag that this commit takes back, and the commit that had brought it. */
  readonly rolledBack?: { readonly tag: string; readonly commit?: string };
  /** Where a merge brings the tag, which some other commit has set. */
  readonly promotedTo?: string;
  /** Whether the file has the tag already, and the commit changes nothing. */
  readonly isProofOnly?: boolean;
  /** Which run made the commit, as its caller named it. */
  readonly run?: string;
}

/** A commit that changed a release file. */
export interface ReleaseCommit {
  readonly sha: string;
  readonly message: string;
  /** The file's text after it; undefined where the commit removed it. */
  readonly text: string | undefined;
  /** The file's text in the commit that it was made on; undefined where there was none, or nobody has asked. */
  readonly before?: string | undefined;
}

/** The proof that a tag passed `ci` on dev. */
export interface Evidence {
  readonly commit: string;
  readonly digest: string;
  readonly run: string | undefined;
}

/** The message of a commit to a release file: a line for people, and the trailers that `promote` and `rollback` read. */
export function releaseMessage(note: ReleaseNote): string {
  const { tag, digest, passed, rolledBack, run } = note;
  const about = rolledBack?.commit ? [`This takes back ${rolledBack.tag} of ${rolledBack.commit}.`, ""] : [];
  const trailers = [
    `${TRAILERS.tag}: ${tag}`,
    ...(digest ? [`${TRAILERS.digest}: ${digest}`] : []),
    ...(passed ? [`${TRAILERS.passed}: ${passedText(passed, tag)}`] : []),
    ...(rolledBack ? [`${TRAILERS.rolledBack}: ${rolledBack.tag}`] : []),
    ...(run ? [`${TRAILERS.run}: ${run}`] : []),
  ];
  return [subjectOf(note), "", ...about, ...trailers].join("\n");
}

function subjectOf({ file, tag, rolledBack, promotedTo, isProofOnly }: ReleaseNote): string {
  if (promotedTo) return `Promote ${tag} to ${promotedTo}`;
  if (rolledBack) return `Revert ${file} to ${tag}`;
  return isProofOnly ? `${proofSubject(file)}${tag}` : `${file}: ${tag}`;
}

/** How the subject begins of a commit that only records the proof: git finds it by that, as it changes no file. */
export const proofSubject = (file: string) => `Proof for ${file}: `;

const passedText = (environment: string, tag: string) => `ci ${environment} ${tag}`;

/** A trailer's value. Anywhere in the text: who squashes a pull request puts other lines below. */
function trailer(message: string, name: keyof typeof TRAILERS): string | undefined {
  const lines = message.match(new RegExp(`^${TRAILERS[name]}: .+$`, "gm")) ?? [];
  return lines
    .at(-1)
    ?.slice(TRAILERS[name].length + 2)
    .trim();
}

/** The tag that the release file had after a commit; none where it could not be read. */
export const tagAfter = ({ text }: ReleaseCommit, file: string): string | undefined => tagIn(text, file);

/**
 * The newest commit, and those that gave the file another tag. With a merge come commits that were made on top of an older one and have
 * its tag: the file of the branch did not go back to that.
 */
const stepsOf = (history: readonly ReleaseCommit[], file: string) =>
  history.filter(({ text, before }, index) => index === 0 || !before || tagIn(before, file) !== tagIn(text, file));

function tagIn(text: string | undefined, file: string): string | undefined {
  if (text === undefined) return undefined;
  try {
    return readRelease(text, file).tag;
  } catch (error) {
    if (error instanceof ReleaseFileError) return undefined;
    throw error;
  }
}

/**
 * Looks for the proof that a tag passed `ci` on dev: the newest commit that set it in prod's release file, or found it there, and
 * says so.
 *
 * @param history the commits of prod's release file, the newest first
 */
export function evidenceOf(tag: string, history: readonly ReleaseCommit[], file: string): Evidence | undefined {
  for (const commit of history) {
    if (tagAfter(commit, file) !== tag || trailer(commit.message, "passed") !== passedText("dev", tag)) continue;
    const digest = trailer(commit.message, "digest");
    if (digest) return { commit: commit.sha, digest, run: trailer(commit.message, "run") };
  }
  return undefined;
}

/**
 * The tag to go back to: the newest one before the present one that was not itself taken back later.
 *
 * @param history the commits of the release file, the newest first
 * @returns none when the file never had another good one
 */
export function tagBefore(history: readonly ReleaseCommit[], file: string): string | undefined {
  const [newest] = history;
  const present = newest && tagAfter(newest, file);
  const takenBack = new Set<string>();
  for (const commit of stepsOf(history, file)) {
    const tag = tagAfter(commit, file);
    if (tag && tag !== present && !takenBack.has(tag)) return tag;
    const rolledBack = trailer(commit.message, "rolledBack");
    if (rolledBack) takenBack.add(rolledBack);
  }
  return undefined;
}

/** Whether a commit takes a tag back. */
export const isRollback = ({ message }: ReleaseCommit): boolean => trailer(message, "rolledBack") !== undefined;

/**
 * The commit that took a tag back, when nothing has brought it again since.
 *
 * @param history the commits of the release file, the newest first
 */
export function takenBackBy(tag: string, history: readonly ReleaseCommit[], file: string): string | undefined {
  for (const commit of stepsOf(history, file)) {
    if (tagAfter(commit, file) === tag) return undefined;
    if (trailer(commit.message, "rolledBack") === tag) return commit.sha;
  }
  return undefined;
}

/** The newest commit that set the file's present tag. */
export function commitOfTag(history: readonly ReleaseCommit[], file: string): string | undefined {
  const [newest] = history;
  const present = newest && tagAfter(newest, file);
  let commit: string | undefined;
  for (const each of stepsOf(history, file)) {
    if (tagAfter(each, file) !== present) return commit;
    commit = each.sha;
  }
  return commit;
}

/** All tags that a release file has had, as far as its history is known. */
export const tagsOf = (history: readonly ReleaseCommit[], file: string): string[] => [
  ...new Set(history.map((commit) => tagAfter(commit, file)).filter((tag) => tag !== undefined)),
];

/**
 * Checks what a caller named the run: it becomes a line of a commit's message.
 *
 * @throws Error when it is no single short line
 */
export function parseRun(run: string): string {
  if (/^[^\s\p{C}][^\p{C}]{0,199}$/u.test(run)) return run.trim();
  throw new Error(`--run-id ${JSON.stringify(run.slice(0, 80))} is no single line of up to 200 characters.`);
}

/**
 * Checks a commit's hash, which may be shortened.
 *
 * @throws Error when it is none
 */
export function parseCommit(commit: string): string {
  if (/^[0-9a-f]{7,40}$/.test(commit)) return commit;
  throw new Error(`--commit ${JSON.stringify(commit.slice(0, 80))} is no commit: it is 7 to 40 hexadecimal digits.`);
}

/**
 * Checks an image's digest.
 *
 * @throws Error when it is none
 */
export function parseDigest(digest: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new Error(
    `--image-digest ${JSON.stringify(digest.slice(0, 80))} is no digest: it is sha256: and 64 hexadecimal digits.`,
  );
}
