/** What becomes of commits to release files, promotions and rollbacks in git, without a cluster. */
import { randomUUID } from "node:crypto";
import { type Directory, dag } from "@dagger.io/dagger";
import { collector, type Note } from "./cases.js";
import { type Delivery, followedBy, PIPELINE_AUTHOR, publishTag } from "./delivery.js";
import { environment } from "./environments.js";
import { releaseMessage, tagAfter, tagsOf } from "./evidence.js";
import { type Clone, cloneAhead, type GitRemote } from "./git.js";
import { historyOf } from "./gitHistory.js";
import { commitsAhead, mergeTo } from "./gitMerge.js";
import { files, guarded, mergeByHand, takeOff } from "./guardedGit.js";
import { recordProof, requireNotTakenBack, requireProof } from "./promotionProof.js";
import { toMarkdown } from "./report.js";
import { rollback } from "./rollback.js";

const log = (line: string) => console.log(line);
const [dev, prod] = [environment("dev"), environment("prod")];
const DIGEST = `sha256:${"a".repeat(64)}`;

/** A result for each case. */
export async function commitCases(source: Directory): Promise<Record<string, unknown>> {
  const { git, protectAll } = await guarded(source);
  const { remote } = git;
  const { results, note } = collector();
  const delivery: Delivery = { remote, run: "run 1", author: "Somebody <somebody@example.com>" };
  const bump = (tag: string, more: Partial<Delivery> = {}, env = prod) =>
    publishTag({ ...delivery, ...more }, env, { tag, passed: "dev", digest: DIGEST }, log);
  const back = (tag?: string) => rollback({ source, environment: prod, delivery, tag, log }).then(toMarkdown);
  try {
    await note("proof of what was there", async () => {
      const record = () => recordProof(delivery, prod, { tag: "v0.1.0", passed: "dev", digest: DIGEST }, log);
      const [made, again] = [await record(), await record()];
      const { commit } = requireProof(await historyOf(remote, prod.releaseFile), prod, "main");
      return { changed: made?.changed, before: made?.before, found: commit === made?.sha, again: again?.changed };
    });
    await note("proof of another image", () => {
      const digest = `sha256:${"b".repeat(64)}`;
      return recordProof(delivery, prod, { tag: "v0.1.0", passed: "dev", digest }, log);
    });
    await note("first", async () => (await bump("v0.2.0")).changed);
    await note("again", async () => (await bump("v0.2.0")).changed);
    await note("racing", async () => {
      const outcomes = await Promise.all([
        ...[1, 2, 3].map(() => bump("v0.3.0")),
        bump("v0.3.0", {}, dev),
        bump("v0.3.0", {}, dev),
      ]);
      // Two clients that make the same change on the same parent in the same second make one and the same commit.
      return new Set(outcomes.filter(({ changed }) => changed).map(({ sha }) => sha)).size;
    });
    await note("after the race", () => files(remote));
    await note("from a clone that others have overtaken", async () => {
      const said: string[] = [];
      const from = async (tag: string, clone: Promise<Clone | undefined>) => {
        const note = { tag, passed: "dev", digest: DIGEST };
        const { changed, clone: next } = await publishTag({ ...delivery, clone }, dev, note, (line) => said.push(line));
        return {
          changed,
          next,
          overtaken: said.splice(0).filter((line) => line.includes("another push was first")).length,
        };
      };
      const clone = cloneAhead(remote);
      await clone;
      await bump("v0.4.0", {}, dev);
      const [again, other] = [await from("v0.3.0", clone), await from("v0.5.0", clone)];
      const next = await from("v0.3.0", Promise.resolve(other.next));
      return [again, other, next].map(({ changed, overtaken }) => ({ changed, overtaken }));
    });
    await note("what was taken off the branch meanwhile", async () => {
      const { clone } = await bump("v0.6.0", {}, dev);
      await takeOff(remote);
      await bump("v0.7.0", { clone: Promise.resolve(clone) }, dev);
      return await files(remote);
    });
    await note("back", back);
    await note("further back", back);
    await note("no further", back);
    await note("forward", () => back("v0.3.0"));
    await note("never had", () => back("v0.7.0"));
    const revoked = { ...remote, password: dag.setSecret(`revoked-${randomUUID()}`, "revoked-token-1234") };
    await note("revoked", () => bump("v0.4.0", { remote: revoked }));
    await note("author", () => bump("v0.4.0", { author: "nobody" }));
    await protectAll();
    await note("protected", () => bump("v0.4.0"));
    await note("pull request", () => bump("v0.4.0", { pullRequest: true }));
    await note("pull request again", () => bump("v0.4.0", { pullRequest: true }));
    await note("its branch", () => files({ ...remote, branch: "release/prod-v0.4.0" }));
    await note("main", () => files(remote));
  } finally {
    await git.stop();
  }
  await note("gone", () => bump("v0.4.0", { remote: { ...remote, service: undefined } }));
  return results;
}

/** As `commitCases`, for prod's branch beside main. */
export async function mergeCases(source: Directory): Promise<Record<string, unknown>> {
  const { git } = await guarded(source);
  const { results, note } = collector();
  try {
    await promotionCases(git.remote, source, note);
  } finally {
    await git.stop();
  }
  return results;
}

/** What becomes of promotions and rollbacks in git, without a cluster: prod's branch beside main. */
async function promotionCases(remote: GitRemote, source: Directory, note: Note): Promise<void> {
  const followed = await followedBy(source, prod, remote);
  const { branch: target } = followed;
  const onProd: Delivery = { remote: followed, run: "run 2" };
  const bump = (tag: string) => publishTag({ remote }, prod, { tag, passed: "dev", digest: DIGEST }, log);
  const head = async () => (await historyOf(remote, prod.releaseFile)).head;
  const promoted = async () => (await historyOf(followed, prod.releaseFile, { firstParent: true })).commits;
  const merge = async (tag: string, from?: string, older?: string) => {
    const commit = older ?? (await head());
    const ahead = await commitsAhead(remote, { target, commit, pushes: false });
    const message = releaseMessage({ file: prod.releaseFile, tag, promotedTo: prod.name });
    const merged = await mergeTo(remote, {
      target,
      commit,
      from: from ?? ahead.head,
      author: PIPELINE_AUTHOR,
      message,
      log,
    });
    return { changed: merged.changed, commits: ahead.commits.map(({ subject }) => subject) };
  };
  const tags = async () => (await promoted()).map((commit) => tagAfter(commit, prod.releaseFile)).join(" ");
  const refused = (tag: string, wanted?: string) =>
    promoted().then((commits) => requireNotTakenBack(tag, commits, { environment: prod, tag: wanted }));

  await bump("v0.2.0");
  await note("prod before", () => files(followed));
  await note("promoted", () => merge("v0.2.0"));
  await note("promoted again", () => merge("v0.2.0"));
  const first = await head();
  await bump("v0.3.0");
  await note("moved meanwhile", () => merge("v0.3.0", "0".repeat(40)));
  await note("two at once", async () => {
    const outcomes = await Promise.all([merge("v0.3.0"), merge("v0.3.0")]);
    return outcomes.filter(({ changed }) => changed).length > 0;
  });
  await note("an older one", () => merge("v0.2.0", undefined, first));
  await note("an older one, looked at", () => commitsAhead(remote, { target, commit: first, pushes: true }));
  await note("seen from the older one", async () => {
    const [commit] = (await historyOf(remote, prod.releaseFile, { at: first })).commits;
    return commit && tagAfter(commit, prod.releaseFile);
  });
  await note("no such commit", () => historyOf(remote, prod.releaseFile, { at: "f".repeat(40) }));
  await note("prod after", tags);
  await note("taken back", () => rollback({ source, environment: prod, delivery: onProd, log }).then(toMarkdown));
  await note("prod then", tags);
  await note("main keeps it", () => files(remote));
  await note("again, unnamed", () => refused("v0.3.0"));
  await note("again, named", () => refused("v0.3.0", "v0.3.0"));
  await note("merged again", () => merge("v0.3.0"));
  await note("prod at the end", tags);
  await note("a token that may not push", async () => {
    const revoked = { ...remote, password: dag.setSecret(`revoked-${randomUUID()}`, "revoked-token-1234") };
    await commitsAhead(revoked, { target, commit: await head(), pushes: true });
  });
  await note("a branch that is not there yet", async () => {
    const way = { target: "new", commit: await head() };
    const begin = { ...way, from: undefined, author: PIPELINE_AUTHOR, message: "", log };
    return [
      (await commitsAhead(remote, { ...way, pushes: true })).head,
      (await mergeTo(remote, begin)).sha === way.commit,
    ];
  });
  await note("an older one there", async () => {
    const from = await head();
    await mergeTo(remote, { target: "new", commit: first, from, author: PIPELINE_AUTHOR, message: "older", log });
  });
  await note("taken back by a pull request", async () => {
    const { releaseFile: file } = prod;
    const message = releaseMessage({ file, tag: "v0.2.0", rolledBack: { tag: "v0.3.0" } });
    await mergeByHand(followed, { file, to: "v0.2.0", message });
    await refused("v0.3.0");
  });
  await note("a version that a merge has left out", async () => {
    const from = await head();
    const { releaseFile: file } = dev;
    const { before } = await publishTag({ remote }, dev, { tag: "v0.5.0" }, log);
    await publishTag({ remote }, dev, { tag: before, rolledBack: { tag: "v0.5.0" } }, log);
    await mergeByHand(remote, { file, to: before, message: "Something else", from });
    const { text, commits } = await historyOf(remote, file, { fullHistory: true });
    return { present: tagAfter({ sha: "", message: "", text }, file), had: tagsOf(commits, file) };
  });
}
