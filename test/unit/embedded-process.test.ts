import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { alive, endProcess } from "../../embedded/src/process.js";
import { freePort } from "./freePort.js";

/** Its threads take a moment to end, after the first of them has. */
const busy = `
  const { Worker } = require("node:worker_threads");
  for (let i = 0; i < 8; i++) new Worker("for (;;);", { eval: true });
  const port = Number(process.argv[1]);
  require("node:net").createServer().listen(port, "127.0.0.1", () => setTimeout(() => console.log("on"), 300));`;

// Processes are known by /proc.
test.runIf(process.platform === "linux")("a process that was ended has left its port to the next", async () => {
  const port = await freePort();
  const child = spawn(process.execPath, ["-e", busy, `${port}`], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const pid = child.pid as number;
  expect(alive(pid)).toBe(true);
  await endProcess(pid, 10_000);
  expect(alive(pid)).toBe(false);
  const next = createServer().listen(port, "127.0.0.1");
  await once(next, "listening");
  next.close();
});
