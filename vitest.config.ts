import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { EngineOrder } from "./test/sequencer.js";

/** The SDK is installed once, for pipeline/: `dag` is the session's only in the copy that pipeline/src works with. */
const resolve = {
  alias: { "@dagger.io/dagger": fileURLToPath(new URL("pipeline/node_modules/@dagger.io/dagger", import.meta.url)) },
};

/** Tests with the real engine: groups one after the other, and in one as many files at the same time as `maxWorkers` says. */
const engineProject = (name: string, groupOrder: number, maxWorkers: number) => ({
  resolve,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: ["test/engine/setup.ts"],
    sequence: { groupOrder },
    maxWorkers,
    testTimeout: 480_000,
    hookTimeout: 3_600_000,
  },
});

export default defineConfig({
  test: {
    reporters: ["default", "./test/summary.ts"],
    sequence: { sequencer: EngineOrder },
    projects: [
      // They take seconds; what is beside them on the machine may make them slower. Most of a file's time is a core's, and that
      // of some is waiting.
      {
        resolve,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          maxWorkers: availableParallelism() + 1,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      // Two files: while one waits for a rollout, the other has the machine.
      engineProject("engine", 1, 2),
      // They stop the engine that all others call.
      engineProject("host", 2, 1),
      // Flux, Flagger, git and two environments on nodes of their own: too long for every run.
      engineProject("platform", 3, 1),
    ],
  },
});
