// Progressive delivery by weights: a gateway (clusters/local/addons/traefik) leads users to a new version step by step, as Flagger
// says. The embedded engine has its image only when somebody asked for it: ./daggerw engine addons
import { beforeAll, describe, expect, it } from "vitest";
import { daggerw } from "../engine/daggerw.js";
import { scenario } from "../engine/scenario.js";

interface Step {
  phase: string;
  weight: number;
  answers: Record<string, number>;
}

interface Release {
  phase: string;
  said: string[];
  serves: string;
  steps: Step[];
  all: Record<string, number>;
}

const { stdout: status } = await daggerw(["engine", "status"]);
const isMissing = /^chosen +embedded/m.test(status) && /Traefik.*: not built/.test(status);

describe.skipIf(isMissing)("through a gateway", () => {
  let results: { installed: string; "v0.2.0": Release; "v0.9.2": Release };

  beforeAll(async () => {
    results = JSON.parse(await scenario("gateway"));
    expect(results.installed).toBe("200 v0.1.0");
  });

  const count = (answers: Record<string, number>) => Object.values(answers).reduce((sum, one) => sum + one, 0);
  const stepsOf = (tag: "v0.2.0" | "v0.9.2") => results[tag].steps.filter(({ phase }) => phase === "Progressing");
  /** Flagger takes the traffic back a moment before it says Failed: that moment is no step. */
  const faultySteps = () => stepsOf("v0.9.2").filter(({ weight }, index) => index === 0 || weight > 0);
  const lastOf = (tag: "v0.2.0" | "v0.9.2") => results[tag].steps.at(-1) as Step;

  it("a good version gets 20, 40 and 60 percent of the traffic, and then all of it", () => {
    expect(results["v0.2.0"]).toMatchObject({ phase: "Succeeded", serves: "200 v0.2.0" });
    expect(stepsOf("v0.2.0").map(({ weight }) => weight)).toEqual([0, 20, 40, 60]);
    expect(lastOf("v0.2.0")).toMatchObject({ phase: "Succeeded", weight: 0 });
  });

  it("users see as much of it as Flagger says", () => {
    for (const { weight, answers } of stepsOf("v0.2.0")) {
      expect(count(answers), `at ${weight}`).toBeGreaterThan(50);
      const share = (100 * (answers["200 v0.2.0"] ?? 0)) / count(answers);
      expect(Math.abs(share - weight), `${share} at ${weight}`).toBeLessThan(5);
    }
    expect(Object.keys(lastOf("v0.2.0").answers)).toEqual(["200 v0.2.0"]);
  });

  it("no request fails on the way", () => {
    expect(Object.keys(results["v0.2.0"].all).sort()).toEqual(["200 v0.1.0", "200 v0.2.0"]);
    expect(count(results["v0.2.0"].all)).toBeGreaterThan(500);
  });

  it("a version that answers 500 goes no further than the first step, and back to nothing", () => {
    expect(results["v0.9.2"]).toMatchObject({ phase: "Failed", serves: "200 v0.2.0" });
    expect(faultySteps().map(({ weight }) => weight)).toEqual([0, 20]);
    expect(results["v0.9.2"].said.join("\n")).toMatch(/Halt .* success-rate 0\.00 < 99/);
    expect(lastOf("v0.9.2")).toMatchObject({ phase: "Failed", weight: 0 });
    expect(Object.keys(lastOf("v0.9.2").answers)).toEqual(["200 v0.2.0"]);
  });

  it("the users who met it are the step's share", () => {
    const { "200 v0.2.0": good = 0, "500": bad = 0, ...others } = faultySteps().at(-1)?.answers ?? {};
    expect(others).toEqual({});
    expect(Math.abs((100 * bad) / (good + bad) - 20)).toBeLessThan(5);
  });
});
