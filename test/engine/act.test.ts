// The workflows as act runs them: which jobs an event starts, what they get from expressions, and what a failed one keeps from
// starting. What needs AWS or GitHub fails there, as it must.
import { describe, expect, it } from "vitest";
import { act } from "./act.js";
import { actIsThere } from "./buildAct.js";
import { terraformIsThere } from "./providers.js";

const ROLE = "arn:aws:iam::123456789012:role/helloworld-deploy-dev";
const secrets = { AWS_ROLE_ARN: ROLE, GHCR_PAT: "ghp_not-a-real-token", GITHUB_TOKEN: "ghs_not-a-real-token" };

describe.skipIf(!actIsThere()).concurrent("by act", () => {
  it("a pull request is checked, and its summary has the table", async () => {
    const { jobs, summary, exitCode } = await act({
      ...{ event: "pull_request", workflow: "pull-request.yml", job: "check" },
    });
    expect(jobs).toEqual({ check: "succeeded" });
    expect(exitCode).toBe(0);
    expect(summary).toMatch(/^\| lint chart +\| passed /m);
  });

  it("a tag with a command in it is refused, and stays a word", async () => {
    const payload = { action: "image-released", client_payload: { tag: 'v0.2.0"; echo owned; "$(id)' } };
    const { jobs, text, summary } = await act({
      ...{ event: "repository_dispatch", payload, workflow: "ci-integration.yml", secrets },
    });
    expect(jobs).toEqual({ ci: "failed" });
    expect(summary).toContain("echo owned");
    expect(text).not.toContain("uid=");
    expect(text).not.toMatch(/^\[ci\] +\| owned/m);
  });

  it("ci does not begin when the registry could not be watched", async () => {
    const { jobs, text } = await act({ event: "schedule", workflow: "watch-registry.yml", secrets });
    expect(jobs).toEqual({ watch: "failed" });
    expect(text).toMatch(/(ghcr\.io|github\.com\S*) (refuses|does not (answer|accept))|Asking ghcr\.io/);
    expectNoSecret(text);
  });

  it.skipIf(!terraformIsThere())("prod is not promoted to when what it gets could not be shown", async () => {
    const { jobs, text } = await act({ event: "workflow_dispatch", workflow: "promote.yml", secrets });
    expect(jobs).toEqual({ show: "failed" });
    // The first that is asked is git, which does not know the token; without the internet it does not answer.
    expect(text).toMatch(/failed at proof/);
    expect(text).toMatch(/github\.com\S* does not (accept|answer)/);
    expectNoSecret(text);
  });
});

function expectNoSecret(text: string): void {
  for (const secret of [secrets.GHCR_PAT, secrets.GITHUB_TOKEN]) expect(text).not.toContain(secret);
}
