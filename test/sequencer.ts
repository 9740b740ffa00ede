// The order of the files with the real engine.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What would keep the others waiting at the end if it began late. */
export const longest = ["terraform.test.ts", "ciFaults.test.ts", "scenarios.test.ts", "act.test.ts"];

/** What has two nodes at the same time: with a third beside them two processors starve, and requests fail that must not. */
export const last = "ci.test.ts";

const rank = ({ moduleId }: TestSpecification) => {
  const is = (name: string) => moduleId.endsWith(`/${name}`);
  const place = longest.findIndex(is);
  if (place < 0) return is(last) ? longest.length + 1 : longest.length;
  return place;
};

/**
 * Vitest's own order, which knows sizes and, where it has run before, times; but of the engine's files the longest first, and last
 * the one that shall have the machine to itself.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isEngines = ({ project }: TestSpecification) => project.name === "engine";
    const ranked = sorted.filter(isEngines).sort((a, b) => rank(a) - rank(b));
    return sorted.map((file) => (isEngines(file) ? (ranked.shift() ?? file) : file));
  }
}
