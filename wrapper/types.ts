/** Parts of the embedded engine that few calls need (embedded/src/demand.ts). */
export type Group = "terraform" | "simulator" | "gitops" | "addons";

/** A call of one of the module's functions. */
export interface Call {
  /** The function's name, as it is typed. */
  name: string;
  /** Whether it is told who speaks to AWS (`--aws-…` before the function's name). */
  withAws: boolean;
}

/** What embedded/src/index.ts exports: a Dagger CLI and engine made on this machine, without Docker. */
export interface EmbeddedProvider {
  /**
   * Builds what is missing and starts what doesn't run; quick when there is nothing to do. Says on stderr what it does. Some
   * of the module's calls need parts that others don't: `call` is the one that is going to be made, if any.
   */
  ensure(call?: Call): Promise<EmbeddedEngine>;
  /** The CLI if it is built, for what needs no engine. Builds and starts nothing. */
  builtCli(): Promise<Pick<EmbeddedEngine, "cli" | "env"> | undefined>;
  /** The CLI for an engine elsewhere: builds it where it isn't built, and starts nothing. */
  buildCli(): Promise<Pick<EmbeddedEngine, "cli" | "env">>;
  /** Builds what is missing, with groups of parts that few calls need, and starts nothing. */
  build(...groups: Group[]): Promise<void>;
  /** What is built and what runs, as lines for a person. Changes nothing. */
  status(): Promise<string[]>;
  /** Stops all that it started, and returns when it is gone. */
  stop(): Promise<void>;
  /** The same, and then removes it; throws when calls work with it. */
  stopAndRemove(remove: () => Promise<void>): Promise<void>;
}

export interface EmbeddedEngine {
  /** Path of the Dagger CLI. */
  cli: string;
  /** For _EXPERIMENTAL_DAGGER_RUNNER_HOST. */
  runnerHost: string;
  /** More environment for the CLI. */
  env?: Record<string, string>;
  /** Whether the engine still runs: the CLI itself waits for ever for one that was killed. */
  isAlive?: () => boolean;
}

/** What the choice depends on: looked up by probe.ts, judged by choose.ts. */
export interface Facts {
  /** dagger.json's engineVersion without the v: the one place that pins it. */
  engineVersion: string;
  /** DAGGERW, if it is set and not empty. */
  forced: string | undefined;
  /** _EXPERIMENTAL_DAGGER_RUNNER_HOST, if it is set and not empty. */
  runnerHost: RunnerHost | undefined;
  /** The first `dagger` on PATH; without a version if it doesn't tell one. */
  dagger: { path: string; version: string | undefined } | undefined;
  containers: Containers;
  /** Whether the official CLI at the pinned version is in the cache folder. */
  officialCached: boolean;
  /** Why the embedded engine can't run here; undefined if it can. */
  embeddedObstacle: string | undefined;
}

export interface RunnerHost {
  url: string;
  /** Only unix:// and tcp:// can be checked without the CLI; undefined for the others. */
  answers: boolean | undefined;
  /** Why it doesn't answer. */
  problem?: string;
}

/** The container runtimes that the CLI can start its engine with. */
export interface Containers {
  /** The command of the first one whose daemon answers, as "docker". */
  answering: string | undefined;
  /** Those that are installed but don't answer, and what they say. */
  silent: { command: string; problem: string }[];
}

export interface Choice {
  /** Which CLI to run: the one on PATH, the official one at the pinned version, or the embedded one. */
  cli: "path" | "official" | "embedded";
  /** Which engine it will talk to. */
  engine: "containers" | "runner-host" | "embedded";
  /** The CLI on PATH. */
  path?: string;
  /** Of the CLI. */
  version: string;
  /** Why, as said to the user in the one line. */
  reason: string;
  /** When the official CLI can't be fetched, the embedded one serves as well (with a runner host of the user's). */
  embeddedCliWillDo?: boolean;
}

/** An error meant for the user: what went wrong, and what to do. Printed without a stack. */
export class UserError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
