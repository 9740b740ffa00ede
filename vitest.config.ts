import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { besideCi, EngineOrder, withNodes } from "./test/sequencer.js";

/** The SDK is installed once, for pipeline/: `dag` is the session's only in the copy that pipeline/src works with. */
const resolve = {
  alias: { "@dagger.io/dagger": fileURLToPath(new URL("pipeline/node_modules/@dagger.io/dagger", import.meta.url)) },
};

/** Run for each file, also where files share what they import. */
const setupFiles = ["test/unit/temporary.ts"];

const here = fileURLToPath(new URL(".", import.meta.url));
const unitFiles = readdirSync(join(here, "test/unit"), { encoding: "utf8", recursive: true })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `test/unit/${name}`);

/** Files that replace modules: others that shared these with them would get the replaced ones. */
const replacesModules = (file: string) => readFileSync(join(here, file), "utf8").includes("vi.mock(");

/** Most of a file's time is a core's, and that of some is waiting. */
const UNIT_WORKERS = availableParallelism() + 1;

/**
 * Tests without an engine. They take seconds; what is beside them on the machine may make them slower. Files that share what they import
 * take half of the processors' time (107 → 48 s on 2 cores).
 */
const unitProject = (name: string, include: string[], { isolate, order }: { isolate: boolean; order: number }) => ({
  resolve,
  test: {
    ...{ name, include, setupFiles, isolate },
    sequence: { groupOrder: order },
    maxWorkers: UNIT_WORKERS,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});

/** Tests with the real engine: groups one after the other, and in one as many files at the same time as `workers` says. */
const engineProject = (name: string, include: string[], group: { order: number; workers: number }) => ({
  resolve,
  test: {
    ...{ name, include },
    globalSetup: ["test/engine/setup.ts"],
    setupFiles,
    sequence: { groupOrder: group.order },
    maxWorkers: group.workers,
    testTimeout: 480_000,
    hookTimeout: 3_600_000,
  },
});

const inEngine = (files: readonly string[]) => files.map((file) => `test/engine/${file}`);

export default defineConfig({
  test: {
    reporters: ["default", "./test/summary.ts"],
    sequence: { sequencer: EngineOrder },
    projects: [
      // Alone: some are processes that look like an engine, and the host's tests look for engines.
      unitProject("unit-mocked", unitFiles.filter(replacesModules), { isolate: true, order: 0 }),
      unitProject(
        "unit",
        unitFiles.filter((file) => !replacesModules(file)),
        { isolate: false, order: 1 },
      ),
      // They stop the engine that all others call, and half of their time is waiting: beside those that need none.
      engineProject("host", ["test/host/*.test.ts"], { order: 1, workers: UNIT_WORKERS }),
      // Two files: while one waits for a rollout, the other has the machine.
      engineProject("engine", inEngine(withNodes), { order: 2, workers: 2 }),
      engineProject("engine-ci", inEngine(besideCi), { order: 3, workers: 2 }),
      // Flux, Flagger, git and two environments on nodes of their own: too long for every run.
      engineProject("platform", ["test/platform/*.test.ts"], { order: 4, workers: 1 }),
    ],
  },
});
