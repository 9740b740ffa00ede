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
    moment(0, "Commit", "2222222 is in git", "arrived"),
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
          section Commit (commit)
          +0.0 s 2222222 is in git :milestone, done, 0, 0ms
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

  it("names what happens in each link, from the commit to the promotion", () => {
    const links = [
      "Canary",
      "Deployment",
      "HelmRelease",
      "HelmChart",
      "Kustomization",
      "GitRepository",
      "Commit",
    ] as const;
    const chart = rolloutChart(
      "Rollout",
      links.map((link) => moment(0, link, "x")),
      1,
    );
    expect([...chart.matchAll(/^ {4}section (.+) \(/gm)].map(([, name]) => name)).toEqual([
      ...["Commit", "Fetch", "Apply", "Package", "Install or upgrade", "Pods", "Analyse and promote"],
    ]);
  });

  it("has room for a failed check: metric, value and threshold", () => {
    const said = "analysis 1 of 1, 1 of 2 failed checks: success-rate was 0.00 and must be at least 99";
    const chart = rolloutChart("Rollout", [moment(1026, "Canary", said)], 1030);
    expect(chart).toContain(`+1026.0 s ${said.replace(":", "∶")} :active`);
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
