// The order of the files with the real engine.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What would have the machine to itself at the end if it began last. */
export const longest = ["terraform.test.ts", "ciFaults.test.ts", "ci.test.ts", "scenarios.test.ts", "act.test.ts"];

const rank = ({ moduleId }: TestSpecification) => {
  const place = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
  return place < 0 ? longest.length : place;
};

/** Vitest's own order, which knows sizes and, where it has run before, times; but the longest of the engine's files first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isEngines = ({ project }: TestSpecification) => project.name === "engine";
    const ranked = sorted.filter(isEngines).sort((a, b) => rank(a) - rank(b));
    return sorted.map((file) => (isEngines(file) ? (ranked.shift() ?? file) : file));
  }
}
