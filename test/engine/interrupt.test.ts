// Ctrl-C in the middle of a call: nothing of it goes on, and nothing is left half done.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { call, repository, start } from "./daggerw.js";
import { keepsProdFile } from "./prodFile.js";

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

it("ends test-chart with 130 on Ctrl-C, and its node with it, leaves the repository as it was, and runs again", async () => {
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
