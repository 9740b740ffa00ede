// The order of the files with the real engine.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The longest first, which would keep the others waiting at the end. */
export const withNodes = [
  "terraform.test.ts",
  "ciFaults.test.ts",
  "scenarios.test.ts",
  "cluster.test.ts",
  "interrupt.test.ts",
];

/**
 * `ci` has two nodes at the same time: with a third beside them two processors starve, and requests fail that must not. So it begins when
 * all with nodes are through, and what runs beside it has none.
 */
export const besideCi = [
  "ci.test.ts",
  "check.test.ts",
  "registry.test.ts",
  "act.test.ts",
  "workflows.test.ts",
  "functions.test.ts",
];

const order = [...withNodes, ...besideCi];

const rank = ({ moduleId }: TestSpecification) => order.findIndex((name) => moduleId.endsWith(`/${name}`));

/** Vitest's own order, but for the engine's files, and with the host's first: they take as long as all unit tests together. */
export class EngineOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const of = (name: string) => sorted.filter(({ project }) => project.name === name);
    const isEngine = ({ project }: TestSpecification) => project.name.startsWith("engine");
    const ranked = sorted.filter(isEngine).sort((a, b) => rank(a) - rank(b));
    const others = sorted.filter((file) => file.project.name !== "host" && !isEngine(file));
    return [...of("host"), ...others, ...ranked];
  }
}
