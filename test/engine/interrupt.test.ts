// Ctrl-C in the middle of a call: nothing of it goes on, and nothing is left half done.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cacheFolder } from "../../wrapper/cache.js";
import { decide } from "../../wrapper/decide.js";
import { gitSays } from "./copyWith.js";
import { call, type Running, repository, start } from "./daggerw.js";
import { keepsProdFile } from "./prodFile.js";

keepsProdFile();

const { choice } = await decide({ root: repository, cache: cacheFolder(process.env), say: console.error });

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

/** Whether this machine must show the engine's processes. */
const embedded = choice.engine === "embedded";

/**
 * A call whose node runs, and that node. Where a node of a test beside this one has started in the same seconds, nobody can tell which is
 * which: once more.
 */
async function startWithNode(attempts = 5): Promise<{ running: Running; nodes: string[] }> {
  const earlier = apiServers();
  const running = start(["--progress=plain", "call", "ci", "--env", "local", "--tag", "v0.2.0"]);
  await running.says("deploy v0.2.0 …");
  const nodes = apiServers().filter((id) => !earlier.includes(id));
  if (nodes.length <= 1 || attempts === 1) return { running, nodes };
  running.signal("SIGINT");
  await running.outcome;
  return await startWithNode(attempts - 1);
}

it("ends ci with 130 on Ctrl-C in the middle of a release, and its node with it, leaves the repository as it was, and runs again", async () => {
  const before = gitSays("status", "--porcelain");
  const { running, nodes } = await startWithNode();
  if (embedded) expect(nodes).toHaveLength(1);
  running.signal("SIGINT");
  const interrupted = Date.now();
  const { exitCode } = await running.outcome;
  expect(exitCode).toBe(130);
  expect(Date.now() - interrupted).toBeLessThan(30_000); // the release would take longer
  const goOn = () => apiServers().filter((id) => nodes.includes(id));
  await expect.poll(goOn, { timeout: 60_000 }).toEqual([]);
  expect(gitSays("status", "--porcelain")).toBe(before);
  expect(await call("test-chart", "--tag", "v0.2.0")).toMatchObject({ exitCode: 0 });
});
