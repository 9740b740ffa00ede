// The main job on a real Kubernetes node: what passes, and that nothing is left half done. What it stops is in ciFaults.test.ts.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { call, passing, repository, start } from "./daggerw.js";
import { keepsProdFile } from "./prodFile.js";

const args = (tag: string) => ["ci", "--env", "local", "--tag", tag];
keepsProdFile();

/** The API servers of nodes on this machine, where it shows an engine's processes. */
const apiServers = () =>
  existsSync("/proc") ? readdirSync("/proc").filter((id) => /^\d+$/.test(id) && isApiServer(id)) : [];

function isApiServer(id: string): boolean {
  try {
    return readFileSync(`/proc/${id}/comm`, "utf8") === "kube-apiserver\n";
  } catch {
    return false; // it has ended meanwhile
  }
}

describe("ci --env local", () => {
  it("deploys, upgrades without a failed request, checks and proposes prod's change, also with port 8080 busy here and another run beside it", async () => {
    const server = createServer((_, response) => void response.end()).listen(8080);
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

  it("ends with 130 on Ctrl-C, and its node with it, leaves the repository as it was, and runs again", async () => {
    const earlier = apiServers();
    const before = execFileSync("git", ["status", "--porcelain"], { cwd: repository, encoding: "utf8" });
    const running = start(["--progress=plain", "call", "test-chart"]);
    await running.says("install …");
    const nodes = apiServers().filter((id) => !earlier.includes(id));
    running.signal("SIGINT");
    const { exitCode } = await running.outcome;
    expect(exitCode).toBe(130);
    // A node of a test beside this one may have started in the same seconds, and goes on.
    const goOn = () => apiServers().filter((id) => nodes.includes(id)).length;
    if (nodes.length > 0) await expect.poll(goOn, { timeout: 60_000 }).toBeLessThan(nodes.length);
    expect(execFileSync("git", ["status", "--porcelain"], { cwd: repository, encoding: "utf8" })).toBe(before);
    expect(await call("test-chart", "--tag", "v0.2.0")).toMatchObject({ exitCode: 0 });
  });
});
