// The workflows' own shell lines, taken from the YAML and run as they stand: what they do where something is wrong.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../unit/temporary.js";
import { workflowJobs } from "../unit/workflowFiles.js";
import { repository } from "./daggerw.js";
import { terraformIsThere } from "./providers.js";

const ROLE = "arn:aws:iam::123456789012:role/helloworld-deploy-dev";
const TOKEN = "header.payload-of-the-token.signature";
let github: Server;
let asked = 0;

beforeAll(async () => {
  github = createServer((_, response) => {
    asked++;
    response.end(JSON.stringify({ value: TOKEN }));
  });
  await new Promise<void>((listening) => github.listen(0, "127.0.0.1", listening));
});

afterAll(() => void github.close());

/** Runs a job's line as GitHub's runner does (`shell: bash`). */
async function runJob(place: string, env: Record<string, string>) {
  const job = workflowJobs().find((one) => one.place === place);
  const folder = temporaryFolder();
  const files = { GITHUB_OUTPUT: join(folder, "output"), GITHUB_STEP_SUMMARY: join(folder, "summary") };
  const { port } = github.address() as AddressInfo;
  const runner = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?x=1`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner",
  };
  const bash = ["--noprofile", "--norc", "-eo", "pipefail", "-c", job?.runs[0] ?? "exit 99"];
  const all = { ...process.env, NO_COLOR: "1", ...runner, ...files, ...env };
  const { code, text } = await new Promise<{ code: unknown; text: string }>((done) => {
    execFile("bash", bash, { cwd: repository, env: all, maxBuffer: 1e8 }, (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, text: stdout + stderr }),
    );
  });
  const read = (file: string) => readFileSync(file, { encoding: "utf8", flag: "a+" });
  return { code, text, output: read(files.GITHUB_OUTPUT), summary: read(files.GITHUB_STEP_SUMMARY) };
}

it.each([
  ["none", "", /The image tag is empty/],
  ["one that moves", "latest", /names no version/],
  ["one with a command in it", 'v0.2.0"; touch /tmp/owned; "$(id)', /is not a version|is a whole reference/],
])("ci-integration refuses a tag before anything starts: %s", async (_, tag, reason) => {
  const env = { TAG: tag, USERNAME: "me", AWS_ROLE_ARN: ROLE, GHCR_PAT: "ghp_secret" };
  const { code, text, summary } = await runJob("ci-integration.yml ci", env);
  expect(code).toBe(1);
  expect(text).toMatch(reason);
  expect(summary).toMatch(reason);
});

it.skipIf(!terraformIsThere())(
  "deploy-infra shows GitHub's token to AWS alone, and makes no plan when AWS refuses it",
  async () => {
    const before = asked;
    // Without the internet nobody is there to refuse it.
    const refusal =
      /AWS does not let the token assume arn:aws:iam::\d+:role\/helloworld-deploy-dev|AWS' STS in \S+ does not answer/;
    const env = { ENVIRONMENT: "dev", AWS_ROLE_ARN: ROLE, GHCR_PAT: "ghp_secret" };
    const { code, text, summary } = await runJob("deploy-infra.yml plan", env);
    expect(code).toBe(1);
    expect(asked).toBeGreaterThan(before);
    expect(text).toMatch(refusal);
    expect(text).not.toContain("payload-of-the-token");
    expect(summary).toMatch(refusal);
    expect(summary).not.toContain("payload-of-the-token");
  },
);

it("watch-registry fails, and starts nothing, when the registry can't be asked", async () => {
  const { code, text, output } = await runJob("watch-registry.yml watch", {
    ...{ USERNAME: "me", GHCR_PAT: "ghp_secret", GIT_TOKEN: "ghs_secret" },
  });
  expect(code).toBe(1);
  expect(text).toMatch(/(ghcr\.io|github\.com\S*) (refuses|does not (answer|accept))|Asking ghcr\.io/);
  expect(text).not.toContain("ghs_secret");
  expect(text).not.toContain("ghp_secret");
  expect(output).toBe("");
});
