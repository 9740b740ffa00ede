// What the workflows may hold: triggers, permissions, concurrency, environments, and one call a job; no logic. And zizmor, which
// knows what goes wrong with workflows.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { repository } from "../engine/daggerw.js";
import { workflowJobs, workflows } from "./workflowFiles.js";

const jobs = workflowJobs();
const run = promisify(execFile);

it("what only describes or tests the infrastructure does not deploy it", () => {
  const { on } = workflows().find(({ file }) => file === "deploy-infra.yml") ?? {};
  expect(on?.push).toEqual({
    branches: ["main"],
    paths: ["terraform/**", "!terraform/**/*.md", "!terraform/**/tests/**"],
  });
});

it("the registry is asked under one name", () => {
  const names = jobs.flatMap(({ job }) => job.steps.flatMap(({ env }) => env?.USERNAME ?? []));
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) expect(name).toMatch(/^\$\{\{ github\.repository_owner \}\}$/);
});

it("the next push ends a pull request's checks, and never those of a commit on main", () => {
  const { concurrency } = workflows().find(({ file }) => file === "pull-request.yml") ?? {};
  expect(concurrency?.group).toMatch(
    /^pull-request-\$\{\{ github\.event_name == 'push' && github\.sha \|\| github\.ref \}\}$/,
  );
  expect(concurrency?.["cancel-in-progress"]).toMatch(/^\$\{\{ github\.event_name == 'pull_request' \}\}$/);
});

describe("each job", () => {
  it.each(jobs)(
    "$place has one command, a time limit, and only the rights that it needs",
    ({ workflow, job, runs }) => {
      expect(runs).toHaveLength(1);
      expect(job.name).toBeTruthy();
      expect(job["timeout-minutes"]).toBeGreaterThan(0);
      expect(workflow.permissions).toEqual({});
      const signsIn = runs[0]?.includes("--aws-web-identity-token");
      const commits = runs[0]?.includes("--run-id"); // what a commit calls the run
      expect(job.permissions).toEqual({
        contents: commits ? "write" : "read",
        ...(signsIn && { "id-token": "write" }),
        ...(runs[0]?.includes("--pull-request") && { "pull-requests": "write" }),
      });
    },
  );

  it.each(jobs)("$place saves a state that an apply could not write, and does nothing else after a failure", (job) => {
    const applies = / apply --env| promote .*--run-id/.test(job.runs.join());
    const saves = expect.stringMatching(/^\.\/daggerw call rescued-state --env \S+ export --path errored\.tfstate$/);
    expect(job.afterFailure.map((command) => command.trim())).toEqual(applies ? [saves] : []);
    const conditions = job.job.steps.flatMap(({ if: when }) => (when === undefined ? [] : [when]));
    expect(conditions).toEqual(applies ? Array(2).fill("failure() || cancelled()") : []);
    // Mostly there is none, which is no second failure to look at.
    for (const step of job.job.steps)
      expect(step["continue-on-error"] ?? false).toBe(step.run?.includes("rescued-state") ?? false);
    // An upgrade of EKS with its nodes, and the release after it; the session of AWS is as long.
    if (applies) expect(job.job["timeout-minutes"]).toBe(120);
  });

  it.each(jobs)("$place has no expression in its command, and quotes every variable", ({ runs, afterFailure }) => {
    for (const command of [...runs, ...afterFailure]) {
      expect(command).not.toContain("${{");
      expect(command.replace(/"[^"]*"/g, "")).not.toContain("$");
      expect(command.trim().split("\n")).toHaveLength(1);
    }
  });

  it.each(jobs)("$place has secrets only in an environment, and never on a pull request", ({ workflow, job }) => {
    const secrets = JSON.stringify(job).match(/secrets\.\w+/g) ?? [];
    expect(["secrets.AWS_ROLE_ARN", "secrets.GHCR_PAT"]).toEqual(expect.arrayContaining([...new Set(secrets)]));
    if (secrets.length > 0) expect(job.environment).toBeTruthy();
    if ("pull_request" in workflow.on) expect(secrets).toEqual([]);
  });

  const acting = jobs.filter(
    ({ runs }) => /--env|AWS_ROLE_ARN/.test(runs.join()) && !/--env local|watch-registry/.test(runs.join()),
  );

  it("that acts on an environment is among those that are looked at for it", () => {
    expect(acting.length).toBeGreaterThan(5);
    const withRole = jobs.filter(({ job }) => job.steps.some(({ env }) => env?.AWS_ROLE_ARN));
    expect(acting.map(({ place }) => place)).toEqual(withRole.map(({ place }) => place));
  });

  it.each(acting)(
    "$place is alone on its environment, and is never cancelled, nor while it waits",
    ({ workflow, job }) => {
      const { group, ...more } = job.concurrency ?? workflow.concurrency ?? { group: "", "cancel-in-progress": true };
      expect(group).toBe(job.environment);
      expect(more).toEqual({ "cancel-in-progress": false, queue: "max" });
    },
  );
});

it.each(workflows())("$file pins every action by its commit, with the version beside it", ({ text }) => {
  const uses = text.match(/uses: .*/g) ?? [];
  expect(uses).not.toEqual([]);
  for (const line of uses) expect(line).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

const requirements = join(repository, "test/zizmor/requirements.txt");
/** Where pip puts zizmor; another one for each version. */
const folder = join(
  repository,
  "node_modules/.cache",
  `zizmor-${readFileSync(requirements, "utf8").match(/==([\d.]+)/)?.[1]}`,
);
const pip = [
  "-m",
  "pip",
  "install",
  "--quiet",
  "--disable-pip-version-check",
  "--require-hashes",
  "--only-binary=:all:",
];

function hasPip(): boolean {
  try {
    execFileSync("python3", ["-B", "-m", "pip", "--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.error("Skipped: zizmor, which looks at the workflows, is installed by pip, and python3 has none.");
    return false;
  }
}

it.skipIf(!hasPip())("zizmor finds nothing, strict as it can be", { timeout: 120_000 }, async () => {
  const zizmor = join(folder, "bin/zizmor");
  // Its compiled modules are no files of this host's: a test beside this one watches these.
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
  if (!existsSync(zizmor)) await run("python3", [...pip, "--target", folder, "-r", requirements], { env });
  const options = ["--offline", "--no-progress", "--persona", "pedantic", "--format", "plain"];
  const { stdout } = await run(zizmor, [...options, join(repository, ".github")]).catch((failed) => failed);
  expect(stdout).toMatch(/No findings to report/);
});

describe("the token that a job proves itself to AWS with", () => {
  const script = join(repository, "scripts/github-oidc-token.mjs");
  const print = (env: Record<string, string>) =>
    run(process.execPath, [script], { env }).then(
      ({ stdout }) => stdout,
      ({ stderr }) => stderr as string,
    );

  it.each([
    [200, '{"value": "header.payload.signature"}', /^header\.payload\.signature$/],
    [200, "{}", /^No OIDC token: GitHub's answer holds none/],
    [403, "{}", /^No OIDC token: GitHub answers 403/],
  ])("is asked for AWS: %i %s", async (status, body, expected) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.headers.authorization} ${request.url}`);
      response.writeHead(status).end(body);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner",
    };
    expect(await print(env)).toMatch(expected);
    expect(asked).toEqual(["bearer runner /token?api-version=2.0&audience=sts.amazonaws.com"]);
    server.close();
  });

  it("can't be had without the permission, and it says which", async () => {
    expect(await print({})).toMatch(/^No OIDC token: .*id-token: write.*--aws-credentials/);
  });
});
