// Closes a run with plain lines that any CI can read: what was skipped, and `tests: 12 passed, 0 failed, 3 skipped`.
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";

export default class Summary implements Reporter {
  private chosen = false;

  onInit({ config }: Vitest) {
    this.chosen = config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      // A file that can't be loaded has no tests to fail.
      if (module.state() === "failed" && module.errors().length > 0) count.failed += 1;
    }
    // Who runs some tests by name knows that the others are skipped.
    if (!this.chosen) for (const line of modules.flatMap(skippedOf)) console.log(line);
    console.log(`tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}

/** A file's skipped tests, as `skipped: 3 in test/engine/act.test.ts: by act`. */
function skippedOf(module: TestModule): string[] {
  const counts = new Map<string, number>();
  for (const test of module.children.allTests("skipped")) {
    const name = outermost(test);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `skipped: ${count} in ${module.relativeModuleId}: ${name}`);
}

/** The suite that holds it and is in no other; where there is none, the test. */
function outermost(test: TestCase): string {
  let at: TestCase | TestSuite = test;
  while (at.parent.type !== "module") at = at.parent;
  return at.name;
}
