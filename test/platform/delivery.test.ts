// From the registry to prod on real nodes, with a real git server and registry; and what stops on the way.
import { describe, expect, it } from "vitest";
import { passing } from "../engine/daggerw.js";
import { keepsProdFile } from "../engine/prodFile.js";
import { scenario } from "../engine/scenario.js";

const report = (row: RegExp) => ({
  report: expect.stringMatching(row),
  published: expect.stringMatching(/^[0-9a-f]{40}$/),
});

describe("a version's whole way", () => {
  it("leads from the registry over dev to prod; a faulty one is stopped in dev, and taken back by a commit", {
    timeout: 1_500_000,
  }, async () => {
    const proved =
      /^clusters\/prod\/release\.yaml: v0\.3\.0\n\nTag: v0\.3\.0\nImage-Digest: sha256:[0-9a-f]{64}\nPassed: ci dev v0\.3\.0\nRun: run 2\n/;
    expect(JSON.parse(await scenario("whole-way"))).toEqual({
      "nothing new": "",
      found: "v0.3.0",
      "without a token": expect.stringMatching(/Flux runs dev from git.*--git-token.*Nothing was changed/),
      "another repository": expect.stringMatching(/Flux in dev follows main of .*it would never arrive/),
      "files before": { dev: "v0.2.0 after 1 commits", prod: "v0.1.0 after 1 commits" },
      "prod's file is protected": expect.stringMatching(
        /protected[\s\S]*--pull-request[\s\S]*v0\.3\.0 is out in dev and has passed.*dagger call bump --env prod --tag v0\.3\.0 --passed-on dev --image-digest sha256:[0-9a-f]{64} --run-id "run 1"/,
      ),
      "files between": { dev: "v0.3.0 after 2 commits", prod: "v0.1.0 after 1 commits" },
      "run again": report(
        /deploy v0\.3\.0 +\| passed .*was there already.* 0 failed[\s\S]*bump prod +\| passed .*→ v0\.3\.0 by/,
      ),
      "files after": { dev: "v0.3.0 after 2 commits", prod: "v0.3.0 after 2 commits" },
      "replaced under its tag": expect.stringMatching(
        /dev runs v0\.3\.0 as sha256:[0-9a-f]{64}, and the registry has sha256:[0-9a-f]{64} now[\s\S]*end to end +\| passed[\s\S]*bump prod +\| failed/,
      ),
      "prod's message": expect.stringMatching(proved),
      faulty: expect.stringMatching(
        /exited \d times with code 1[\s\S]*status --env dev[\s\S]*bump prod +\| skipped[\s\S]*take v0\.4\.0 back +\| passed .*v0\.3\.0 again, by/,
      ),
      "files after the faulty one": { dev: "v0.3.0 after 4 commits", prod: "v0.3.0 after 2 commits" },
      "dev's message": expect.stringMatching(
        /^Revert clusters\/dev.* to v0\.3\.0\n[\s\S]*Rolled-Back: v0\.4\.0\nRun: run 3\n/,
      ),
      "found again": '""',
      shown: expect.stringMatching(
        /proof +\| passed .*v0\.3\.0 passed ci on dev[\s\S]*terraform plan +\| passed[\s\S]*\| tag +\|[^|]*\| v0\.3\.0[\s\S]*module\.vpc/,
      ),
      "prod before": { dev: "v0.2.0 after 1 commits", prod: "v0.1.0 after 1 commits" },
      "another tag": expect.stringMatching(/has v0\.3\.0, and not v0\.4\.0.*ci --env dev --tag v0\.4\.0/),
      promoted: expect.stringMatching(
        /terraform apply +\| passed .*Apply complete! Resources: \d+ added[\s\S]*merge +\| passed .*main [0-9a-f]{7} → prod, by[\s\S]*release +\| passed .*v0\.3\.0 is out[\s\S]*HTTP 200 from v0\.3\.0[\s\S]*```mermaid/,
      ),
      "promoted again": expect.stringMatching(
        /terraform apply +\| passed .*no changes[\s\S]*merge +\| passed .*prod has it already[\s\S]*release +\| passed .* 0 failed.*v0\.3\.0 from/,
      ),
      "rolled back": expect.stringMatching(
        /commit +\| passed .*v0\.3\.0 → v0\.1\.0 by[\s\S]*release +\| passed .*v0\.1\.0 is out/,
      ),
      "files at the end": { dev: "v0.3.0 after 4 commits", prod: "v0.3.0 after 2 commits" },
      "prod's at the end": { dev: "v0.3.0 after 4 commits", prod: expect.stringMatching(/^v0\.1\.0 after/) },
      "taken back": expect.stringMatching(
        /v0\.3\.0 was promoted to prod before, and [0-9a-f]{7} took it back[\s\S]*--tag v0\.3\.0[\s\S]*cluster +\| skipped/,
      ),
    });
  });
});

describe("on a node of its own, as typed", () => {
  keepsProdFile();

  it("promote brings a version to what prod runs: a merge, and a release without a failed request", {
    timeout: 1_200_000,
  }, async () => {
    const { stdout } = await passing("promote", "--env", "local", "--tag", "v0.2.0");
    expect(stdout).toMatch(/\| install v0\.1\.0 +\| passed .*by Flux/);
    expect(stdout).toMatch(/\| merge +\| passed .*main [0-9a-f]{7} → prod, by [0-9a-f]{7}/);
    expect(stdout).toMatch(
      /\| release +\| passed .*v0\.2\.0 is out after .*\d\d+ requests in .* 0 failed,.*v0\.1\.0 from .*v0\.2\.0 from/,
    );
    expect(stdout).toMatch(/\| end to end +\| passed .*HTTP 200 from v0\.2\.0/);
    expect(stdout).toContain("```mermaid\ngantt");
  });

  it("ci passes twice in a row with the same tag", { timeout: 1_200_000 }, async () => {
    for (const run of ["the first", "the second"]) {
      const { stdout } = await passing("ci", "--env", "local", "--tag", "v0.2.0");
      expect(stdout, run).toMatch(/\| deploy v0\.2\.0 +\| passed .*\d\d+ requests in .* 0 failed,/);
      expect(stdout, run).toMatch(/\| end to end +\| passed .*HTTP 200 from v0\.2\.0/);
      expect(stdout, run).toMatch(/\| bump prod +\| passed/);
      expect(stdout, run).toMatch(/^\+ +tag: "v0\.2\.0"$/m);
    }
  });
});

describe("commits to release files", () => {
  it("are made once, race without loss, go back, and end where the branch is protected", {
    timeout: 600_000,
  }, async () => {
    expect(JSON.parse(await scenario("commits"))).toEqual({
      "proof of what was there": { changed: true, before: "v0.1.0", found: true }, // and once only
      "proof of another image": expect.stringMatching(/v0\.1\.0 is another image than the one that passed.*new tag/),
      first: true,
      again: false,
      racing: 2, // five clients, two files
      "after the race": { dev: "v0.3.0 after 2 commits", prod: "v0.3.0 after 3 commits" },
      "from a clone that others have overtaken": [
        { changed: true, overtaken: 0 }, // it had the tag already, and the branch no longer
        { changed: true, overtaken: 1 },
        { changed: true, overtaken: 0 },
      ],
      "what was taken off the branch meanwhile": { dev: "v0.7.0 after 7 commits", prod: "v0.3.0 after 3 commits" },
      back: expect.stringContaining("v0.3.0 → v0.2.0 by"),
      "further back": expect.stringContaining("v0.2.0 → v0.1.0 by"),
      "no further": expect.stringMatching(/no good tag before it.*It had: v0\.2\.0, v0\.3\.0.*--tag/),
      forward: expect.stringContaining("v0.1.0 → v0.3.0 by"),
      "never had": expect.stringContaining("has never had v0.7.0"),
      revoked: expect.stringMatching(/does not accept the password of git/),
      author: expect.stringContaining("no author of a commit"),
      protected: expect.stringMatching(/main, which is protected[\s\S]*--pull-request/),
      "pull request": expect.stringMatching(/api\.github\.com[\s\S]*compare\/main\.\.\.release\/prod-v0\.4\.0/),
      "pull request again": expect.stringMatching(/release\/prod-v0\.4\.0/),
      "its branch": { dev: "v0.7.0 after 7 commits", prod: "v0.4.0 after 7 commits" },
      main: { dev: "v0.7.0 after 7 commits", prod: "v0.3.0 after 6 commits" },
      gone: expect.stringContaining("does not answer"),
    });
  });
});

describe("prod's branch", () => {
  it("gets what is promoted and nothing else, and keeps what was taken back", { timeout: 600_000 }, async () => {
    expect(JSON.parse(await scenario("merges"))).toEqual({
      "prod before": { dev: "v0.1.0 after 1 commits", prod: "v0.1.0 after 1 commits" },
      promoted: { changed: true, commits: ["clusters/prod/release.yaml: v0.2.0"] },
      "promoted again": { changed: false, commits: [] },
      "moved meanwhile": expect.stringMatching(
        /prod of .* has moved to [0-9a-f]{7} since it was looked at \(0000000\)/,
      ),
      "two at once": true,
      "an older one": expect.stringMatching(
        /prod of .* has had [0-9a-f]{7}, which came after [0-9a-f]{7}\. It was left/,
      ),
      "an older one, looked at": expect.stringMatching(/prod of .* has had [0-9a-f]{7}, which came after [0-9a-f]{7}/),
      "seen from the older one": "v0.2.0",
      "no such commit": expect.stringMatching(/main of .* has no commit f{40}/),
      "prod after": "v0.3.0 v0.2.0 v0.1.0",
      "taken back": expect.stringContaining("v0.3.0 → v0.2.0 by"),
      "prod then": "v0.2.0 v0.3.0 v0.2.0 v0.1.0",
      "main keeps it": { dev: "v0.1.0 after 1 commits", prod: "v0.3.0 after 3 commits" },
      "again, unnamed": expect.stringMatching(/promoted to prod before, and [0-9a-f]{7} took it back/),
      "merged again": { changed: true, commits: [] },
      "prod at the end": "v0.3.0 v0.2.0 v0.3.0 v0.2.0 v0.1.0",
      "a token that may not push": expect.stringMatching(/does not accept the password of git/),
      "a branch that is not there yet": [null, true],
      "an older one there": expect.stringMatching(/new of .* has had [0-9a-f]{7}, which came after [0-9a-f]{7}/),
      "taken back by a pull request": expect.stringMatching(
        /v0\.3\.0 was promoted to prod before, and .* took it back/,
      ),
      "a version that a merge has left out": { present: "v0.1.0", had: ["v0.1.0", "v0.5.0"] },
    });
  });
});
