import { describe, expect, it } from "vitest";
import { environment } from "../../pipeline/src/environments.js";
import {
  commitOfTag,
  evidenceOf,
  parseCommit,
  parseDigest,
  parseRun,
  type ReleaseCommit,
  releaseMessage,
  tagBefore,
} from "../../pipeline/src/evidence.js";
import { requireUnmoved } from "../../pipeline/src/gitMerge.js";
import { checkDigest, requireNotTakenBack, requireProof } from "../../pipeline/src/promotionProof.js";
import { wayBack } from "../../pipeline/src/rollback.js";

const prod = environment("prod");
const FILE = prod.releaseFile;
const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;
const PLACE = "main of https://github.com/damekarv/helloworld-infrastructure";

const textWith = (tag: string) => `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: helloworld, namespace: helloworld}
spec:
  chart: {spec: {chart: ./appManifests}}
  values: {image: {tag: "${tag}"}}
`;

let number = 0;
const commit = (tag: string, message = "by hand"): ReleaseCommit => ({
  sha: `${++number}`.padStart(40, "0"),
  message,
  text: textWith(tag),
});
const passed = (tag: string, on = "dev", digest = DIGEST) =>
  commit(tag, releaseMessage({ file: FILE, tag, digest, passed: on, run: "4711" }));
const provedLater = (tag: string, digest = DIGEST) =>
  commit(tag, releaseMessage({ file: FILE, tag, digest, passed: "dev", isProofOnly: true }));
const backTo = (tag: string, from: string) =>
  commit(tag, releaseMessage({ file: FILE, tag, rolledBack: { tag: from, commit: "abc" } }));

describe("the message of a commit", () => {
  it("says what the file gets, and holds the proof as trailers", () => {
    expect(releaseMessage({ file: FILE, tag: "v0.3.0", digest: DIGEST, passed: "dev", run: "4711" })).toBe(
      `clusters/prod/release.yaml: v0.3.0\n\nTag: v0.3.0\nImage-Digest: ${DIGEST}\nPassed: ci dev v0.3.0\nRun: 4711`,
    );
  });

  it("says what it takes back", () => {
    expect(releaseMessage({ file: FILE, tag: "v0.2.0", rolledBack: { tag: "v0.3.0", commit: "abc" } })).toBe(
      "Revert clusters/prod/release.yaml to v0.2.0\n\nThis takes back v0.3.0 of abc.\n\nTag: v0.2.0\nRolled-Back: v0.3.0",
    );
  });

  it("says that it only records the proof, where the file has the tag already", () => {
    expect(provedLater("v0.1.0").message).toBe(
      `Proof for clusters/prod/release.yaml: v0.1.0\n\nTag: v0.1.0\nImage-Digest: ${DIGEST}\nPassed: ci dev v0.1.0`,
    );
  });

  it("says what a merge brings where, with the proof", () => {
    expect(releaseMessage({ file: FILE, tag: "v0.3.0", digest: DIGEST, passed: "dev", promotedTo: "prod" })).toBe(
      `Promote v0.3.0 to prod\n\nTag: v0.3.0\nImage-Digest: ${DIGEST}\nPassed: ci dev v0.3.0`,
    );
  });

  it.each(["", "two\nlines", "\u001b[31m", "x".repeat(201), " x"])("has no run called %j", (run) => {
    expect(() => parseRun(run)).toThrow(/--run-id .* no single line/);
  });

  it("has the run's address", () => {
    const address = "https://github.com/damekarv/helloworld-infrastructure/actions/runs/4711";
    expect(parseRun(address)).toBe(address);
  });

  it.each(["", "sha256:abc", `${DIGEST}\nPassed: ci dev v9.9.9`, DIGEST.toUpperCase()])(
    "has no digest %j",
    (digest) => {
      expect(() => parseDigest(digest)).toThrow(/--image-digest .* is no digest/);
    },
  );
});

describe("a commit to promote", () => {
  it.each(["", "main", "abc", "g".repeat(40), "a".repeat(41), "--all"])("is not %j", (commit) => {
    expect(() => parseCommit(commit)).toThrow(/--commit .* is no commit/);
  });

  it("may be shortened", () => {
    expect(parseCommit("0123abc")).toBe("0123abc");
  });
});

describe("the proof that a tag passed", () => {
  const evidence = (tag: string, ...history: ReleaseCommit[]) => evidenceOf(tag, history, FILE);

  it("is the commit that set it", () => {
    const set = passed("v0.3.0");
    expect(evidence("v0.3.0", set, passed("v0.2.0"))).toEqual({ commit: set.sha, digest: DIGEST, run: "4711" });
  });

  it("holds for the tag before too, when prod went back to it", () => {
    expect(evidence("v0.2.0", backTo("v0.2.0", "v0.3.0"), passed("v0.3.0"), passed("v0.2.0"))).toBeDefined();
  });

  it("survives a squashed pull request, whose text has more lines", () => {
    const message = `Release (#12)\r\n\r\n* ${passed("v0.3.0").message}\n\nCo-authored-by: A <a@b>\n`;
    expect(evidence("v0.3.0", commit("v0.3.0", message))).toMatchObject({ digest: DIGEST });
  });

  it.each([
    ["a commit by hand", commit("v0.3.0")],
    ["a run on a throwaway node", passed("v0.3.0", "local")],
    ["another tag's proof", commit("v0.3.0", passed("v0.2.0").message)],
    ["a tag that begins the same", commit("v0.3.0", passed("v0.3.0-rc.1").message)],
    ["a text that only speaks of it", commit("v0.3.0", `It says Passed: ci dev v0.3.0\nImage-Digest: ${DIGEST}`)],
    ["a commit that did not set it", commit("v0.2.0", passed("v0.3.0").message)],
    ["no digest", commit("v0.3.0", "x\n\nPassed: ci dev v0.3.0")],
  ])("is not %s", (_, history) => {
    expect(evidence("v0.3.0", history)).toBeUndefined();
  });

  it("is demanded, and its lack says what to do", () => {
    const history = { head: "f".repeat(40), text: "", commits: [commit("v0.3.0"), passed("v0.2.0")], proofs: [] };
    expect(() => requireProof(history, prod, PLACE)).toThrow(
      /has v0\.3\.0, and no commit .* passed ci on dev.*not changed\.\nNext: dagger call ci --env dev --tag v0\.3\.0.*records the proof/,
    );
    const good = { ...history, commits: [passed("v0.3.0")] };
    expect(requireProof(good, prod, PLACE)).toMatchObject({ tag: "v0.3.0", head: history.head });
    expect(() => requireProof(good, prod, PLACE, "v0.4.0")).toThrow(
      /has v0\.3\.0, and not v0\.4\.0.*ci --env dev --tag v0\.4\.0/,
    );
  });

  it("may be recorded later, for a tag that was there before; and is of that tag only", () => {
    const [commits, proof] = [[commit("v0.1.0")], provedLater("v0.1.0")];
    const history = { head: "f".repeat(40), text: "", commits, proofs: [proof] };
    expect(requireProof(history, prod, PLACE)).toMatchObject({ tag: "v0.1.0", digest: DIGEST, commit: proof.sha });
    expect(() => requireProof({ ...history, commits: [commit("v0.2.0")] }, prod, PLACE)).toThrow(
      /has v0\.2\.0, and no/,
    );
    const setAgain = { ...history, commits: [passed("v0.1.0", "dev", OTHER)] };
    expect(requireProof(setAgain, prod, PLACE)).toMatchObject({ digest: OTHER });
  });

  it("is of one image: a tag that was moved is refused", () => {
    const proof = { tag: "v0.3.0", digest: DIGEST, commit: "abcdef0123", run: undefined, head: "f" };
    expect(() => checkDigest(proof, DIGEST)).not.toThrow();
    expect(() => checkDigest(proof, OTHER)).toThrow(/another image .* sha256:b+, and abcdef0 says sha256:a+.*new tag/);
  });
});

describe("a tag that was promoted", () => {
  const promoted = (tag: string) => commit(tag, releaseMessage({ file: FILE, tag, promotedTo: "prod" }));
  const history = [backTo("v0.2.0", "v0.3.0"), promoted("v0.3.0"), promoted("v0.2.0")];
  const ask = (commits: ReleaseCommit[], tag: string, wanted?: string) => () =>
    requireNotTakenBack(tag, commits, { environment: prod, ...(wanted && { tag: wanted }) });

  it("and taken back is refused, until somebody names it", () => {
    expect(ask(history, "v0.3.0")).toThrow(
      /v0\.3\.0 was promoted to prod before, and [0-9]{7} took it back\. prod was not changed.*promote --tag v0\.3\.0/,
    );
    expect(ask(history, "v0.3.0", "v0.3.0")).not.toThrow();
  });

  it("is any other one, the one that serves again, and one that was brought again", () => {
    expect(ask(history, "v0.4.0")).not.toThrow();
    expect(ask(history, "v0.2.0")).not.toThrow();
    expect(ask([promoted("v0.3.0"), ...history], "v0.3.0")).not.toThrow();
    expect(ask([], "v0.3.0")).not.toThrow();
  });
});

describe("a branch that was looked at twice", () => {
  const at = { url: "https://github.com/damekarv/helloworld-infrastructure", branch: "prod" };
  const [one, other] = ["a".repeat(40), "b".repeat(40)];

  it("is the same one", () => {
    expect(() => requireUnmoved(at, one, one)).not.toThrow();
    expect(() => requireUnmoved(at, undefined, undefined)).not.toThrow();
  });

  it.each([
    [one, other, /prod of .* has moved to bbbbbbb since it was looked at \(aaaaaaa\).*left alone/],
    [undefined, other, /has moved to bbbbbbb since it was looked at \(it wasn't there\)/],
    [one, undefined, /is gone since it was looked at \(aaaaaaa\)/],
  ])("and was at %s, then at %s, is refused", (from, now, message) => {
    expect(() => requireUnmoved(at, from, now)).toThrow(message);
  });
});

describe("the tag before", () => {
  const goodBefore = (...history: ReleaseCommit[]) => tagBefore(history, FILE);

  it("is the newest other one", () => {
    expect(goodBefore(passed("v0.3.0"), commit("v0.3.0"), passed("v0.2.0"), commit("v0.1.0"))).toBe("v0.2.0");
  });

  it("is not one that was taken back: a second rollback goes further", () => {
    const history = [passed("v0.3.0"), passed("v0.2.0"), commit("v0.1.0")];
    const once = [backTo("v0.2.0", "v0.3.0"), ...history];
    expect(goodBefore(...once)).toBe("v0.1.0");
    expect(goodBefore(backTo("v0.1.0", "v0.2.0"), ...once)).toBeUndefined();
  });

  it("is one that was taken back and then came again", () => {
    expect(goodBefore(passed("v0.4.0"), passed("v0.3.0"), backTo("v0.2.0", "v0.3.0"), passed("v0.3.0"))).toBe("v0.3.0");
  });

  it("passes over commits in which the file was broken or gone", () => {
    const broken = { ...commit("v0.9.0"), text: "image: [" };
    const gone = { ...commit("v0.9.0"), text: undefined };
    expect(goodBefore(passed("v0.3.0"), broken, gone, commit("v0.1.0"))).toBe("v0.1.0");
  });

  it("is not the one that a merged branch began with, and left as it was", () => {
    const on = (before: string, one: ReleaseCommit): ReleaseCommit => ({ ...one, before: textWith(before) });
    const merge = on("v0.3.0", commit("v0.3.0", "Merge branch replicas"));
    const replicas = on("v0.1.0", commit("v0.1.0", "More replicas"));
    const [third, second] = [on("v0.2.0", passed("v0.3.0")), on("v0.1.0", passed("v0.2.0"))];
    const history = [merge, third, replicas, second, commit("v0.1.0")];
    expect(goodBefore(...history)).toBe("v0.2.0");
    expect(goodBefore(merge, replicas, third, second, commit("v0.1.0"))).toBe("v0.2.0");
    expect(commitOfTag([merge, replicas, third, second], FILE)).toBe(third.sha);
  });

  it("may be none at all", () => {
    expect(goodBefore(commit("v0.1.0"))).toBeUndefined();
    expect(goodBefore()).toBeUndefined();
  });

  it("is known by the commit that brought the present one", () => {
    const brought = passed("v0.3.0");
    expect(commitOfTag([commit("v0.3.0", "a value"), brought, passed("v0.2.0")], FILE)).toBe(brought.sha);
  });
});

describe("the way back", () => {
  const commits = [passed("v0.3.0"), passed("v0.2.0"), commit("v0.1.0")];

  it("leads to the tag before, or to one that the file has had", () => {
    expect(wayBack({ commits }, prod)).toMatchObject({ from: "v0.3.0", to: "v0.2.0", commit: commits[0]?.sha });
    expect(wayBack({ commits }, prod, "v0.1.0")).toMatchObject({ to: "v0.1.0" });
  });

  it.each([
    ["v0.9.0", /has never had v0\.9\.0.*It had: v0\.2\.0, v0\.1\.0\. Nothing was changed/],
    ["v0.3.0", /has v0\.3\.0 already/],
  ])("does not lead to %s", (tag, message) => {
    expect(() => wayBack({ commits }, prod, tag)).toThrow(message);
  });

  it("is none where there is one tag", () => {
    expect(() => wayBack({ commits: commits.slice(2) }, prod)).toThrow(
      /v0\.1\.0, and no good tag before it.*none to go back to/,
    );
    expect(() => wayBack({ commits: [backTo("v0.1.0", "v0.2.0"), ...commits.slice(1)] }, prod)).toThrow(
      /It had: v0\.2\.0.*--tag/,
    );
  });
});
