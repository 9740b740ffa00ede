// Closes a run with one plain line that any CI can read: `tests: 12 passed, 0 failed, 3 skipped`.
import type { Reporter, TestModule } from "vitest/node";

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      // A file that can't be loaded has no tests to fail.
      if (module.state() === "failed" && module.errors().length > 0) count.failed += 1;
    }
    console.log(`tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}
