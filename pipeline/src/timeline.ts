import type { Link } from "./fluxObjects.js";
import { formatSeconds } from "./report.js";

/** Something that happened on the way of a release. */
export interface Moment {
  /** Seconds since the wait began. */
  readonly at: number;
  /** The commit comes before all links: the wait begins with it. */
  readonly link: "Commit" | Link;
  /** `<namespace>/<name>` */
  readonly name: string;
  readonly text: string;
  /** What it means for the release: the link still waits, is through, or holds the release up for good. */
  readonly state: "waiting" | "arrived" | "failed";
}

/** What each link does, in the order of the chain. */
const SECTIONS: Record<Moment["link"], string> = {
  Commit: "Commit",
  GitRepository: "Fetch",
  Kustomization: "Apply",
  HelmChart: "Package",
  HelmRelease: "Install or upgrade",
  Deployment: "Pods",
  Canary: "Analyse and promote",
};

/** As much as fits beside a bar, and enough for a failed check with its metric, value and threshold. */
const LONGEST_TEXT = 120;

/**
 * The way of a release as a Mermaid chart in a Markdown code block, as job summaries on GitHub draw it: a bar for each
 * thing a link waited for or did, a milestone where it was through.
 *
 * @param seconds when the wait ended
 * @returns empty when nothing happened
 */
export function rolloutChart(title: string, timeline: readonly Moment[], seconds: number): string {
  if (timeline.length === 0) return "";
  const objects = new Map<string, Moment[]>();
  for (const moment of timeline) {
    const key = `${moment.link} ${moment.name}`;
    objects.set(key, [...(objects.get(key) ?? []), moment]);
  }
  const order = Object.keys(SECTIONS);
  const sections = [...objects.values()].sort((a, b) => order.indexOf(linkOf(a)) - order.indexOf(linkOf(b)));
  return [
    "```mermaid",
    "gantt",
    `    title ${plain(`${title}, ${formatSeconds(seconds)}`)}`,
    "    dateFormat x",
    "    axisFormat %M:%S",
    ...sections.flatMap((moments) => section(moments, seconds)),
    "```",
    "",
  ].join("\n");
}

function linkOf(moments: readonly Moment[]): string {
  return moments[0]?.link ?? "";
}

function section(moments: readonly Moment[], end: number): string[] {
  const [first] = moments;
  if (!first) return [];
  const name = first.name.split("/").at(-1) ?? "";
  const tasks = moments.map((moment, index) => task(moment, moments[index + 1]?.at ?? end));
  return [`    section ${plain(`${SECTIONS[first.link]} (${name})`)}`, ...tasks];
}

function task({ at, text, state }: Moment, until: number): string {
  // A task that begins with one of Mermaid's own words (`title`, `click`) would be taken for it; none begins with a plus.
  const label = plain(`+${at.toFixed(1)} s ${text}`);
  const begin = Math.round(at * 1000);
  const length = `${Math.max(0, Math.round((until - at) * 1000))}ms`;
  if (state === "arrived") return `    ${label} :milestone, done, ${begin}, 0ms`;
  if (state === "failed") return `    ${label} :crit, ${begin}, ${length}`;
  return `    ${label} :active, ${begin}, ${length}`;
}

/** Text without the characters by which Mermaid or Markdown would see something else in it. */
function plain(text: string): string {
  const line = text
    .replace(/\s+/g, " ")
    .replaceAll(":", "∶")
    .replaceAll(";", ",")
    .replaceAll("#", "＃")
    .replaceAll("<", "＜")
    .replaceAll(">", "＞")
    .replaceAll("`", "'")
    .replace(/%{2,}/g, "%")
    .trim();
  const characters = [...line];
  return characters.length > LONGEST_TEXT ? `${characters.slice(0, LONGEST_TEXT).join("").trimEnd()} …` : line;
}
