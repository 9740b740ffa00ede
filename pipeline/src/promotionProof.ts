import type { Directory } from "@dagger.io/dagger";
import { type Delivery, describeCommit, PIPELINE_AUTHOR } from "./delivery.js";
import type { EnvironmentEntry } from "./environments.js";
import {
  type Evidence,
  evidenceOf,
  type ReleaseCommit,
  type ReleaseNote,
  releaseMessage,
  tagAfter,
  takenBackBy,
} from "./evidence.js";
import { commitTag, type GitRemote, type TagCommit } from "./git.js";
import { GitError } from "./gitErrors.js";
import { type FileHistory, historyOf, treeAt } from "./gitHistory.js";
import { type BranchAhead, commitsAhead, requireUnmoved } from "./gitMerge.js";
import { type AppRegistry, requireTag } from "./registry.js";
import { imageRepository } from "./releaseFile.js";
import { type Log, withAdvice } from "./steps.js";

/** The tag in git, and the proof that it passed on dev. */
export interface Proof extends Evidence {
  readonly tag: string;
  /** The trunk's commit that is promoted. */
  readonly head: string;
}

/** A proof, and what the environment's branch lacks. */
export interface Promotion extends Proof {
  /** The files of the commit that is promoted. */
  readonly source: Directory;
  readonly ahead: BranchAhead;
}

/** What is asked of git before a promotion. */
export interface ProofQuestion {
  readonly environment: EnvironmentEntry;
  /** The repository, with the branch that versions are committed to. */
  readonly trunk: GitRemote;
  /** The same, with the branch that the environment follows. */
  readonly followed: GitRemote;
  readonly registry?: AppRegistry;
  /** The tag that git must have. */
  readonly tag?: string;
  /** The trunk's commit to promote; default: its newest one. */
  readonly commit?: string;
  /** Whether a merge is to follow, so that who asks must be able to push. */
  readonly pushes: boolean;
}

/** Whether the environment gets what is on the trunk by a merge only. */
export const isGated = ({ trunk, followed }: Pick<ProofQuestion, "trunk" | "followed">) =>
  trunk.branch !== followed.branch;

/**
 * Sees that the tag in git may be promoted: it passed ci on dev, its image is still the same, and it was not taken back before.
 *
 * @throws Error, GitError, RegistryError
 */
export async function proofOf(question: ProofQuestion, note: (detail: string) => void): Promise<Promotion> {
  const { environment: entry, trunk, followed, registry, tag: wanted, commit, pushes } = question;
  const [history, promoted] = await Promise.all([
    historyOf(trunk, entry.releaseFile, { at: commit }),
    promotedHistory(question),
  ]);
  const proof = requireProof(history, entry, `${trunk.branch} of ${trunk.url}`, wanted);
  requireNotTakenBack(proof.tag, promoted?.commits ?? [], question);
  const way = { target: followed.branch, commit: proof.head, pushes: pushes && isGated(question) };
  const [ahead, source] = await Promise.all([commitsAhead(trunk, way), treeAt(trunk, proof.head)]);
  // A rollback between the two looks would be merged over.
  if (isGated(question)) requireUnmoved(followed, promoted?.head, ahead.head);
  // The caller's working tree may name another one than what is promoted.
  const repository = await imageRepository(source, entry);
  const [host = ""] = repository.split("/");
  checkDigest(proof, await requireTag(registry ?? { host }, repository, proof.tag));
  const run = proof.run ? `, ${proof.run}` : "";
  note(`${proof.tag} passed ci on dev (${proof.commit.slice(0, 7)}${run}); its image is still that one`);
  return { ...proof, ahead, source };
}

/** How the release file came to be on the environment's branch; nothing before that one is there. */
async function promotedHistory(question: ProofQuestion): Promise<FileHistory | undefined> {
  const { followed, environment } = question;
  if (!isGated(question)) return undefined;
  try {
    return await historyOf(followed, environment.releaseFile, { firstParent: true });
  } catch (error) {
    if (error instanceof GitError && error.problem === "branch") return undefined;
    throw error;
  }
}

/**
 * Refuses a tag that was promoted before and then taken back, as long as nobody names it.
 *
 * @throws Error with the commit that took it back
 */
export function requireNotTakenBack(
  tag: string,
  promoted: readonly ReleaseCommit[],
  { environment: { name, releaseFile }, tag: wanted }: Pick<ProofQuestion, "environment" | "tag">,
): void {
  const commit = takenBackBy(tag, promoted, releaseFile);
  if (!commit || wanted === tag) return;
  throw new Error(
    `${tag} was promoted to ${name} before, and ${commit.slice(0, 7)} took it back. ${name} was not changed. ` +
      `Next: bring a version that mends it through ci on dev. To bring ${tag} out again all the same: promote --tag ${tag}`,
  );
}

/**
 * The tag in git, and the proof that it passed on dev.
 *
 * @throws Error when there is none, or git has another tag than the wanted one
 */
export function requireProof(
  history: FileHistory,
  { name, releaseFile: file }: EnvironmentEntry,
  place: string,
  wanted?: string,
): Proof {
  const [newest] = history.commits;
  const tag = newest && tagAfter(newest, file);
  if (!tag) throw new Error(`${file} on ${place} has no tag that can be read. Nothing was changed.`);
  if (wanted && wanted !== tag)
    throw new Error(
      `${file} on ${place} has ${tag}, and not ${wanted}. Nothing was changed. ` +
        `Next: dagger call ci --env dev --tag ${wanted} --git-token …, which tests it on dev and sets it there.`,
    );
  const evidence = evidenceIn(history, tag, file);
  if (evidence) return { ...evidence, tag, head: history.head };
  throw new Error(
    `${file} on ${place} has ${tag}, and no commit of the pipeline says that it passed ci on dev: it was set by hand, or was there before. ${name} was not changed.\n` +
      `Next: dagger call ci --env dev --tag ${tag} --git-token …, which tests it on dev and records the proof.`,
  );
}

const evidenceIn = ({ commits, proofs }: FileHistory, tag: string, file: string) =>
  evidenceOf(tag, [...commits, ...proofs], file);

/**
 * Records that a tag passed on dev which its release file had before, set by hand or from the first day: by a commit that changes
 * no file.
 *
 * @returns nothing where there is a proof already, and where it did not pass on dev
 * @throws GitError, and Error when the proof that is there is of another image
 */
export async function recordProof(
  { remote, author = PIPELINE_AUTHOR, run }: Delivery,
  entry: EnvironmentEntry,
  { tag, digest, passed }: Pick<ReleaseNote, "tag" | "digest" | "passed">,
  log: Log,
): Promise<TagCommit | undefined> {
  const { releaseFile: file } = entry;
  if (passed !== "dev" || !digest) return undefined;
  const again = () =>
    `${tag} is out in dev and has passed; only the proof was not recorded, without which promote refuses it. Once git is back: the same call again.`;
  const known = evidenceIn(await withAdvice(() => historyOf(remote, file), again), tag, file);
  if (known) return void checkDigest({ ...known, tag }, digest);
  const message = releaseMessage({ file, tag, digest, passed, isProofOnly: true, ...(run && { run }) });
  const commit = await withAdvice(() => commitTag(remote, entry, tag, { author, message, log, isAlways: true }), again);
  log(`proof for ${tag}: ${describeCommit(remote, commit)}`);
  return commit;
}

/** @throws Error when the tag stands for another image than the one that passed */
export function checkDigest({ tag, digest, commit }: Pick<Proof, "tag" | "digest" | "commit">, present: string): void {
  if (present === digest) return;
  throw new Error(
    `${tag} is another image than the one that passed ci on dev: the registry has ${present}, and ${commit.slice(0, 7)} says ${digest}. ` +
      "Somebody has moved the tag. Nothing was changed. Next: release the image under a new tag, which ci can test.",
  );
}
