import { describe, expect, it } from "vitest";
import { ClusterError } from "../../pipeline/src/clusterErrors.js";
import { environment, promotionTarget } from "../../pipeline/src/environments.js";
import { type ReleaseCommit, releaseMessage } from "../../pipeline/src/evidence.js";
import { analysisSeconds } from "../../pipeline/src/flagger.js";
import { refuseOthersCluster } from "../../pipeline/src/flux.js";
import type { Standing, Trouble } from "../../pipeline/src/fluxLinks.js";
import type { Link } from "../../pipeline/src/fluxObjects.js";
import type { GitRemote, TagCommit } from "../../pipeline/src/git.js";
import { followsGit, refuseSuspended, wayBackFrom } from "../../pipeline/src/gitopsRelease.js";
import type { Cluster } from "../../pipeline/src/kubernetes.js";
import type { Snapshot } from "../../pipeline/src/releaseChain.js";
import { isSameRepository } from "../../pipeline/src/repositoryUrl.js";
import { begunBefore, isOnItsWay } from "../../pipeline/src/rollback.js";
import { rolledOut } from "../fixtures/flux.js";

const dev = environment("dev");
const URL = "https://github.com/damekarv/helloworld-infrastructure";
const remote = { url: URL, branch: "main" } as GitRemote;
const clusterWith = (spec?: object) => ({ findObject: async () => spec && { spec } }) as unknown as Cluster;

/** The commit of a tag, as the pipeline makes it. */
const set = (tag: string, rolledBack?: string): ReleaseCommit => ({
  sha: tag,
  message: releaseMessage({ file: dev.releaseFile, tag, ...(rolledBack && { rolledBack: { tag: rolledBack } }) }),
  text: `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: helloworld, namespace: helloworld}
spec: {chart: {spec: {chart: ./appManifests}}, values: {image: {tag: "${tag}"}}}
`,
});

describe("a cluster that follows git", () => {
  it("is known by Flux's own source, in any spelling of the repository's address", async () => {
    for (const url of [URL, `${URL}.git`, `${URL}/`, "ssh://git@github.com/DamekarV/helloworld-infrastructure"])
      for (const ref of [{ branch: "main" }, { name: "refs/heads/main" }])
        expect(await followsGit(clusterWith({ url, ref }), dev, remote)).toBe(true);
    expect(await followsGit(clusterWith(), dev, remote)).toBe(false);
  });

  it.each([
    { url: "https://github.com/damekarv/other", ref: { branch: "main" } },
    { url: URL, ref: { branch: "develop" } },
    { url: URL, ref: { name: "refs/heads/develop" } },
    { url: URL, ref: { name: "refs/tags/main" } },
    { url: URL },
  ])("and another repository or branch (%j) is refused before a commit", async (spec) => {
    await expect(followsGit(clusterWith(spec), dev, remote)).rejects.toThrow(
      /^Flux in dev follows (?:main|develop|master|no branch) of .*would be committed to main of .*Nothing was changed/,
    );
  });

  it("has a repository that is not another one whose name begins the same", () => {
    expect(isSameRepository(URL, `${URL}-other`)).toBe(false);
  });
});

describe("a tag that failed", () => {
  const file = dev.releaseFile;
  const history = [set("v0.4.0"), set("v0.3.0"), set("v0.2.0"), set("v0.1.0")];
  const back = (serving: string | undefined, commits = history, changed = true) => {
    const commit = { sha: "abc", changed, before: changed ? "v0.3.0" : "v0.4.0" } as TagCommit;
    return wayBackFrom({ tag: "v0.4.0", commit, ...(serving && { serving }) }, commits, file);
  };

  it("goes back to the one that served, whatever a cancelled run left in the file", () => {
    expect(back("v0.3.0")).toBe("v0.3.0");
    expect(back("v0.2.0")).toBe("v0.2.0");
    expect(back("v0.2.0", history, false)).toBe("v0.2.0");
  });

  it("goes back to the one before, where nothing else serves", () => {
    expect(back(undefined)).toBe("v0.3.0");
    expect(back("v0.4.0")).toBe("v0.3.0");
    expect(back("v0.4.0", history, false)).toBe("v0.3.0");
    expect(back(undefined, [set("v0.4.0")], false)).toBeUndefined();
  });

  it("does not go back to one that was taken back and serves still, nor to one that the file never had", () => {
    expect(back("v0.2.0", [set("v0.4.0"), set("v0.3.0", "v0.2.0"), ...history.slice(2)])).toBe("v0.3.0");
    expect(back("v0.0.9")).toBe("v0.3.0");
  });
});

describe("the time that a release may take", () => {
  it("has room for all of an analysis, where there is one", () => {
    expect(analysisSeconds({})).toBe(0);
    expect(analysisSeconds({ canary: { enabled: false } })).toBe(0);
    const canary = { enabled: true, interval: "10s", iterations: 2, threshold: 2, progressDeadlineSeconds: 120 };
    expect(analysisSeconds({ canary })).toBe(10 * 8 + 120);
    expect(analysisSeconds({ canary: { enabled: true } })).toBe(30 * 12 + 300); // the chart's own values
    const byWeight = { enabled: true, provider: "gatewayapi:v1", maxWeight: 50, stepWeight: 3 };
    expect(analysisSeconds({ canary: byWeight })).toBe(30 * (17 + 3 + 4) + 300);
    expect(analysisSeconds({ canary: { enabled: true, provider: "gatewayapi:v1" } })).toBe(30 * 12 + 300);
  });
});

describe("promotion", () => {
  it("is to prod, or to a throwaway cluster that runs what prod runs", () => {
    expect(promotionTarget("prod")).toBe(environment("prod"));
    expect(promotionTarget("local")).toMatchObject({ name: "local", releaseFile: "clusters/prod/release.yaml" });
    expect(() => promotionTarget("dev")).toThrow(/ci --env dev/);
  });
});

describe("what somebody has frozen", () => {
  const names = { metadata: { namespace: "flux-system", name: "flux-system" } };
  const suspended = { ...names, spec: { suspend: true } };
  const refused = (objects: object) => () => refuseSuspended(objects as Snapshot, dev);

  it("is refused before a tag is brought, by its names", () => {
    expect(refused({ source: suspended, kustomization: suspended, release: names })).toThrow(
      /^Somebody has frozen dev: GitRepository flux-system\/flux-system and Kustomization flux-system\/flux-system are suspended.*Nothing was changed\. Next: dagger call status --env dev/,
    );
    expect(refused({ canary: suspended })).toThrow(/: Canary flux-system\/flux-system is suspended/);
  });

  it("is not what only is not there", () => expect(refused({ source: names })).not.toThrow());
});

describe("the cluster of a kubeconfig", () => {
  const following = (path?: string) => ({ findObject: async () => path && { spec: { path } } }) as unknown as Cluster;
  const forbidden = {
    findObject: async () => Promise.reject(new ClusterError("forbidden", "no")),
  } as unknown as Cluster;

  it("is refused where Flux follows another environment's folder", async () => {
    await expect(refuseOthersCluster(following("./clusters/dev"), environment("prod"))).rejects.toThrow(
      "The kubeconfig leads to the cluster of dev: Flux follows clusters/dev there, and prod is clusters/prod.",
    );
  });

  it("is taken where it is its own, of no environment, without Flux, or not to be looked at", async () => {
    for (const path of ["./clusters/prod", "clusters/prod/", "./clusters/local", undefined])
      await refuseOthersCluster(following(path), environment("prod"));
    await refuseOthersCluster(following("./clusters/dev"), environment("local"));
    await refuseOthersCluster(following("./clusters/prod"), promotionTarget("local"));
    await refuseOthersCluster(forbidden, environment("prod"));
  });
});

describe("a rollback that was begun", () => {
  const release = (tag: string) => ({ spec: { values: { image: { tag } } } });
  const standing = (link: Link, arrived: boolean, trouble?: Partial<Trouble>) =>
    ({ link, arrived, ...(trouble && { trouble }) }) as Standing;
  /** Of v0.2.0: what git says in the cluster, what serves, and where its links stand. */
  const onItsWay = (wanted: string, serving: string, ...standings: Standing[]) => {
    const objects = { release: release(wanted), target: rolledOut("helloworld", serving) } as unknown as Snapshot;
    return isOnItsWay({ standings, objects }, "v0.2.0");
  };

  it("is waited for while Flux has not taken it, or it is not out yet", () => {
    expect(onItsWay("v0.3.0", "v0.3.0", standing("HelmRelease", true))).toBe(true);
    expect(onItsWay("v0.2.0", "v0.3.0", standing("HelmRelease", false))).toBe(true);
    expect(onItsWay("v0.2.0", "v0.2.0", standing("Deployment", false))).toBe(true);
  });

  it("is waited for while what holds it up may pass, or would hold up the tag before it as well", () => {
    const held = (trouble: Partial<Trouble>) => onItsWay("v0.2.0", "v0.3.0", standing("Canary", false, trouble));
    expect(held({ bearableSeconds: Number.POSITIVE_INFINITY })).toBe(true);
    expect(held({ bearableSeconds: 60, results: { seen: 1, enough: 2 } })).toBe(true);
    expect(held({ bearableSeconds: 120, holdsAnyTag: true })).toBe(true);
  });

  it("is gone back from when it is out, be it that something else is being released, or can't come good", () => {
    expect(onItsWay("v0.2.0", "v0.2.0", standing("Deployment", true))).toBe(false);
    expect(onItsWay("v0.2.0", "v0.2.0", standing("HelmRelease", false), standing("Deployment", true))).toBe(false);
    const held = (trouble: Partial<Trouble>) => onItsWay("v0.2.0", "v0.3.0", standing("Canary", false, trouble));
    expect(held({ bearableSeconds: 0 })).toBe(false);
    expect(held({ bearableSeconds: 60, results: { seen: 2, enough: 2 } })).toBe(false);
  });

  it("is the commit that gave the file its present tag, whatever else has changed it since", () => {
    const changed = { ...set("v0.2.0"), sha: "f00", before: set("v0.2.0").text };
    const taken = set("v0.2.0", "v0.3.0");
    expect(begunBefore([changed, taken, set("v0.3.0")], dev)).toEqual({ tag: "v0.2.0", sha: "f00" });
    expect(begunBefore([set("v0.2.0"), set("v0.3.0")], dev)).toBeUndefined();
  });
});
