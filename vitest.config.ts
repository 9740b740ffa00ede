import { defineConfig } from "vitest/config";

/** Tests with the real engine. */
const engineProject = (name: string) => ({
  // The session's `dag` must be the one that pipeline/src, with node_modules of its own, works with.
  resolve: { dedupe: ["@dagger.io/dagger"] },
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: ["test/engine/setup.ts"],
    // One real engine on a small machine: the files take turns, what is independent in a file runs together.
    fileParallelism: false,
    testTimeout: 480_000,
    hookTimeout: 3_600_000,
  },
});

export default defineConfig({
  test: {
    reporters: ["default", "./test/summary.ts"],
    projects: [
      // They take seconds; what is beside them on the machine may make them slower.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 30_000 } },
      engineProject("engine"),
      // Flux, Flagger, git and two environments on nodes of their own: too long for every run.
      engineProject("platform"),
    ],
  },
});
