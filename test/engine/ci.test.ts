// The main job on a real Kubernetes node: what passes. What it stops is in ciFaults.test.ts.
import { createServer, type Server } from "node:http";
import { describe, expect, it } from "vitest";
import { call, passing } from "./daggerw.js";
import { keepsProdFile } from "./prodFile.js";

const args = (tag: string) => ["ci", "--env", "local", "--tag", tag];
keepsProdFile();

/** A port that somebody listens on: this, where nobody else does. */
async function busy(port: number): Promise<Server> {
  const server = createServer((_, response) => void response.end());
  await new Promise<void>((taken, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? taken() : fail(error)));
    server.listen(port, taken);
  });
  return server;
}

describe("ci --env local", () => {
  it("deploys, upgrades without a failed request, checks and proposes prod's change, also with port 8080 busy here and another run beside it", async () => {
    const server = await busy(8080);
    const both = Promise.all([passing(...args("v0.2.0")), passing("test-chart")]);
    const [{ stdout }] = await both.finally(() => server.close());
    for (const step of [
      "release files",
      "cluster",
      "image",
      "install v0.1.0",
      "deploy v0.2.0",
      "end to end",
      "bump prod",
    ]) {
      expect(stdout).toMatch(new RegExp(`\\| ${step} +\\| passed`));
    }
    expect(stdout).toMatch(/install v0\.1\.0 +\| passed +\|[^|]*\| by Flux/);
    expect(stdout).toMatch(/ is out after .*\d\d+ requests in .* 0 failed,.*v0\.1\.0 from .*v0\.2\.0 from/);
    expect(stdout).toContain("```mermaid\ngantt");
    expect(stdout).toMatch(/^\+ +tag: "v0\.2\.0"$/m);
  });

  it("asks for a kubeconfig where it needs one", async () => {
    const { exitCode, stderr } = await call("deploy", "--env", "dev");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("dev needs a kubeconfig or AWS credentials: --kubeconfig");
  });

  it("refuses a limit that is none, before it asks for anything", async () => {
    const { exitCode, stderr } = await call("deploy", "--env", "dev", "--timeout", "0");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("--timeout 0 is no limit: give whole seconds above 0");
  });
});
