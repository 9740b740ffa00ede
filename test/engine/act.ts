// Runs workflows as GitHub does, by act (https://github.com/nektos/act): their triggers, expressions, `needs`, outputs and `if`,
// on a copy of the repository. The runner is this host; a checkout is the copy.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../unit/temporary.js";
import { goSettings, modules } from "./buildAct.js";
import { repository } from "./daggerw.js";

/** Where the clone came from, and how, must not count: act would ask the checkout, and a path as its origin has no owner. */
const CONTEXT = {
  GITHUB_REPOSITORY: "damekarv/helloworld-infrastructure",
  GITHUB_REF: "refs/heads/main",
  SHA_REF: "5d2b0c3f8e7a6914b2c3d4e5f60718293a4b5c6d", // github.sha
};

export interface ActRun {
  exitCode: unknown;
  /** What it printed: each line begins with its job's name in brackets. */
  text: string;
  /** The jobs that began, and whether each succeeded. */
  jobs: Record<string, "succeeded" | "failed">;
  /** What the jobs wrote for people. */
  summary: string;
}

export interface ActOptions {
  event: string;
  workflow: string;
  job?: string;
  inputs?: Record<string, string>;
  /** The event's payload, where it has one. */
  payload?: unknown;
  secrets?: Record<string, string>;
  env?: Record<string, string>;
}

/** Runs a workflow to its end. */
export async function act(options: ActOptions): Promise<ActRun> {
  const { event, workflow, job, inputs = {}, payload, secrets = {} } = options;
  const env = { ...CONTEXT, ...options.env };
  const folder = temporaryFolder();
  // act 0.2.89 refuses `queue`, which is newer.
  const workflowFile = join(folder, workflow);
  const written = readFileSync(join(repository, ".github/workflows", workflow), "utf8");
  writeFileSync(workflowFile, written.replace(/^ *queue: max\n/gm, ""));
  const pairs = (flag: string, of: Record<string, string>) =>
    Object.entries(of).flatMap(([name, value]) => [flag, `${name}=${value}`]);
  const eventFile = join(folder, "event.json");
  if (payload) writeFileSync(eventFile, JSON.stringify(payload));
  const args = [
    ...["-C", modules, "tool", "act"],
    ...[event, "--directory", repository, "--workflows", workflowFile],
    ...["--platform", "ubuntu-24.04=-self-hosted", "--action-cache-path", join(folder, "act")],
    // Not masked by act: a secret in the output is to be found.
    ...[
      "--insecure-secrets",
      "--log-prefix-job-id",
      "--no-cache-server",
      "--env-file",
      "/dev/null",
      "--secret-file",
      "/dev/null",
    ],
    ...(job ? ["--job", job] : []),
    ...(payload ? ["--eventpath", eventFile] : []),
    ...pairs("--input", inputs),
    ...pairs("--secret", secrets),
    ...pairs("--env", env),
  ];
  const { exitCode, text } = await new Promise<{ exitCode: unknown; text: string }>((done) => {
    execFile("go", args, { env: goSettings(), maxBuffer: 1e8 }, (error, stdout, stderr) =>
      done({ exitCode: error?.code ?? 0, text: stdout + stderr }),
    );
  });
  const ended = [...text.matchAll(/^\[([^\]]+)\].*Job (succeeded|failed)$/gm)];
  const jobs = Object.fromEntries(ended.map(([, name, how]) => [name, how]));
  return { exitCode, text, jobs, summary: summaryIn(text) };
}

/** act prints a step's summary at its end, as lines after a mark. */
function summaryIn(text: string): string {
  return [...text.matchAll(/Summary - ([\s\S]*?)(?=\n\[[^\]]+\] )/g)].map(([, written]) => written).join("\n");
}
