import { describe, expect, it } from "vitest";
import { toMarkdown } from "../../pipeline/src/report.js";
import { type Moment, rolloutChart } from "../../pipeline/src/timeline.js";

const moment = (at: number, link: Moment["link"], text: string, state: Moment["state"] = "waiting"): Moment => ({
  at,
  link,
  name: `helloworld/${link.toLowerCase()}`,
  text,
  state,
});

/** Mermaid's own grammar of a gantt chart (diagrams/gantt/parser/gantt.jison), as far as it is used here. */
const TASK =
  /^ {4}(?!click|title|section|axisFormat|todayMarker|call|href|vert)[^:\n#;]+ :(?:(?:active|done|crit|milestone), )*\d+, \d+ms$/;

describe("rolloutChart", () => {
  const timeline = [
    moment(0, "GitRepository", "waits for 2222222, has main@1111111"),
    moment(0, "HelmRelease", "waits for helm-controller"),
    moment(2.5, "GitRepository", "has main@2222222", "arrived"),
    moment(6, "Canary", "analysis 1 of 5 (success-rate ≥ 99)"),
    moment(16, "Canary", "analysis 2 of 5 (success-rate ≥ 99)"),
    moment(4, "HelmRelease", "Helm upgrade succeeded", "arrived"),
    moment(62, "Canary", "Succeeded: the primary serves v0.2.0", "arrived"),
  ];

  it("is a section for each object, in the order of the chain, and a bar until the next moment of the same object", () => {
    expect(rolloutChart("Rollout of v0.2.0", timeline, 62)).toMatchInlineSnapshot(`
      "\`\`\`mermaid
      gantt
          title Rollout of v0.2.0, 1 min 2 s
          dateFormat x
          axisFormat %M:%S
          section Fetch (gitrepository)
          +0.0 s waits for 2222222, has main@1111111 :active, 0, 2500ms
          +2.5 s has main@2222222 :milestone, done, 2500, 0ms
          section Install or upgrade (helmrelease)
          +0.0 s waits for helm-controller :active, 0, 4000ms
          +4.0 s Helm upgrade succeeded :milestone, done, 4000, 0ms
          section Analyse and promote (canary)
          +6.0 s analysis 1 of 5 (success-rate ≥ 99) :active, 6000, 10000ms
          +16.0 s analysis 2 of 5 (success-rate ≥ 99) :active, 16000, 46000ms
          +62.0 s Succeeded∶ the primary serves v0.2.0 :milestone, done, 62000, 0ms
      \`\`\`
      "
    `);
  });

  it("has only lines that Mermaid's grammar takes, whatever the texts hold", () => {
    const nasty = ["click x", "a: b; c # d %% e", "title\n:x", "```", "<b>", "section", ":", "", "x".repeat(500)];
    const chart = rolloutChart(
      "a: b\n```",
      nasty.map((text, at) => moment(at, "HelmRelease", text, "failed")),
      20,
    );
    const lines = chart.trimEnd().split("\n");
    expect(lines.slice(0, 2)).toEqual(["```mermaid", "gantt"]);
    expect(lines.slice(6, -1)).toHaveLength(nasty.length);
    for (const line of lines.slice(6, -1)) expect(line).toMatch(TASK);
    expect(lines.filter((line) => line.includes("```"))).toHaveLength(2);
  });

  it("is nothing when nothing happened", () => {
    expect(rolloutChart("Rollout", [], 3)).toBe("");
  });
});

it("a report has it below its totals", () => {
  const more = [rolloutChart("Rollout", [moment(0, "Canary", "Succeeded", "arrived")], 1)];
  const markdown = toMarkdown({ title: "ci", steps: [], seconds: 1, more });
  expect(markdown).toMatch(/\*\*Passed\*\* in 1\.0 s: 0 passed\.\n\n```mermaid\ngantt\n[\s\S]*\n```\n$/);
});
