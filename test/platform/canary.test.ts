// Progressive delivery on a real node: Flux brings versions from git, Flagger judges them, and a client that sends 20 requests
// a second all the time sees none of it.
import { beforeAll, describe, expect, it } from "vitest";
import { scenario } from "../engine/scenario.js";

interface Analysis {
  phase: string;
  seconds: number;
  said: string[];
  serves: string;
}

const tags = ["v0.2.0", "v0.9.2", "v0.9.4", "v0.9.3", "v0.9.0", "v0.9.1"];

describe("the platform", () => {
  let results: Record<string, Analysis>;
  let again: string;
  let answers: Record<string, number>;

  beforeAll(async () => {
    const versions = tags.flatMap((tag) => ["--tags", tag]);
    ({ results, again, answers } = JSON.parse(await scenario("canary", ...versions)));
  });

  const of = (tag: string) => results[tag] as Analysis;
  const said = (tag: string) => of(tag).said.join("\n");

  it("installs the first version without an analysis", () => {
    expect(of("v0.1.0")).toMatchObject({ phase: "Initialized", serves: "200 v0.1.0" });
  });

  it("promotes a good version, which has values from the first check on", () => {
    expect(of("v0.2.0")).toMatchObject({ phase: "Succeeded", serves: "200 v0.2.0" });
    expect(said("v0.2.0")).toMatch(/warm-up passed.*iteration 1\/1.*Promotion completed/s);
    expect(said("v0.2.0")).not.toContain("Halt");
    expect(of("v0.2.0").seconds).toBeLessThan(120);
  });

  it.each([
    ["v0.9.2", "answers 500", /Halt .* success-rate 0\.00 < 99/],
    ["v0.9.4", "answers 404", /Halt .* success-rate 0\.00 < 99/],
    ["v0.9.3", "is slow", /Halt .* latency-p99 \d.* > 0\.5/],
    ["v0.9.0", "crashes", /not ready: .*0 of 1/],
    ["v0.9.1", "never gets ready", /not ready: .*0 of 1/],
  ])("gives %s up, which %s, says why, and the old one goes on serving", (tag, _, why) => {
    expect(of(tag)).toMatchObject({ phase: "Failed", serves: "200 v0.2.0" });
    expect(said(tag)).toMatch(why);
    expect(said(tag)).not.toContain("no values found");
    expect(said(tag)).toContain("Canary failed! Scaling down");
    expect(of(tag).seconds).toBeLessThan(120);
  });

  it("brings a version out that was taken back in the middle of its analysis, and is wanted again", () => {
    expect(again).toBe("200 v0.1.0");
  });

  it("keeps all of it from the users", () => {
    expect(Object.keys(answers)).toEqual(["200"]);
    expect(answers["200"]).toBeGreaterThan(1000);
  });
});
