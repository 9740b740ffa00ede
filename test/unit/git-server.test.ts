// The git server of the throwaway platform, with the git of this machine.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { peerCertificate } from "../../pipeline/src/certificates.js";
import { freePort } from "./freePort.js";
import { temporaryFolder } from "./temporary.js";

vi.setConfig({ testTimeout: 30_000 });

let server: ChildProcess;
let port: number;
let root: string;
let address: string;

const git = (cwd: string, ...args: string[]) =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: root, GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_NOSYSTEM: "1" },
  });

const withPassword = (password: string) => `http://git:${password}@${address}/platform.git`;

/** Starts a server on the port; a test that wants one that is set up otherwise ends the first. */
async function serve(more: NodeJS.ProcessEnv = {}): Promise<void> {
  server = spawn(process.execPath, ["pipeline/git/server.mjs"], {
    env: { PATH: process.env.PATH, GIT_PROJECT_ROOT: root, GIT_PASSWORD: "right", PORT: `${port}`, ...more },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(server.stdout as NodeJS.ReadableStream, "data");
}

async function serveOtherwise(more: NodeJS.ProcessEnv): Promise<void> {
  server.kill();
  await once(server, "close");
  await serve(more);
}

beforeEach(async () => {
  root = join(temporaryFolder(), "repositories");
  mkdirSync(root);
  git(root, "init", "--quiet", "--bare", "--initial-branch=main", "platform.git");
  port = await freePort();
  address = `127.0.0.1:${port}`;
  await serve();
});

afterEach(() => {
  server.kill();
});

function commit(size: number): string {
  const work = join(root, "work");
  mkdirSync(work);
  git(work, "init", "--quiet", "--initial-branch=main");
  let text = "";
  for (let n = 1; text.length < size; n = (n * 48271) % 2147483647) text += n.toString(36);
  writeFileSync(join(work, "file"), text);
  git(work, "add", "file");
  git(work, "commit", "--quiet", "-m", "one");
  return work;
}

test("takes a push and gives a clone, to who knows the password", () => {
  const work = commit(100);
  git(work, "push", "--quiet", withPassword("right"), "main");
  git(root, "clone", "--quiet", "--depth=1", withPassword("right"), "copy");
  expect(git(join(root, "copy"), "log", "--format=%s")).toBe("one\n");
  expect(git(root, "ls-remote", withPassword("right"))).toContain(git(work, "rev-parse", "HEAD").trim());
});

test("takes a push of more than git sends at once", () => {
  const work = commit(5e6);
  git(work, "push", "--quiet", withPassword("right"), "main");
  expect(git(root, "ls-remote", withPassword("right"))).toContain("refs/heads/main");
});

test("refuses everybody else, and what is not there", async () => {
  for (const authorization of ["", "Basic x", `Basic ${Buffer.from("git:wrong").toString("base64")}`]) {
    const answer = await fetch(`http://${address}/platform.git/info/refs?service=git-upload-pack`, {
      headers: { authorization },
    });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toContain("Basic");
  }
  expect(() => git(root, "ls-remote", withPassword("wrong"))).toThrow(/Authentication failed/);
  expect(() => git(root, "ls-remote", withPassword("right").replace("platform", "other"))).toThrow(/not found/);
  expect((await fetch(`http://${address}/healthz`)).status).toBe(200);
});

test("lets everybody read a public repository, and nobody push without the password", async () => {
  const work = commit(100);
  git(work, "push", "--quiet", withPassword("right"), "main");
  await serveOtherwise({ GIT_PUBLIC: "1" });
  const anonymous = `http://${address}/platform.git`;
  expect(git(root, "ls-remote", anonymous)).toContain("refs/heads/main");
  git(root, "clone", "--quiet", anonymous.replace(/\.git$/, ""), "copy"); // as on GitHub, with and without .git
  git(work, "commit", "--quiet", "--allow-empty", "-m", "two");
  expect(() => git(work, "push", "--quiet", anonymous, "main")).toThrow(/could not read Username/);
  expect(() => git(work, "push", "--quiet", withPassword("wrong"), "main")).toThrow(/Authentication failed/);
  git(work, "push", "--quiet", withPassword("right"), "main");
  expect(git(root, "ls-remote", anonymous)).toContain(git(work, "rev-parse", "HEAD").trim());
});

test("serves TLS for a name, with a certificate of its own that can be trusted by itself", async () => {
  await serveOtherwise({ TLS_NAMES: "github.com localhost" });
  const authority = join(root, "authority.pem");
  writeFileSync(authority, await peerCertificate("127.0.0.1", port, "github.com"));
  const url = `https://git:right@localhost:${port}/platform.git`;
  expect(git(root, "-c", `http.sslCAInfo=${authority}`, "ls-remote", url)).toBe("");
  expect(() => git(root, "ls-remote", url)).toThrow(/certificate/i);
  const byAddress = url.replace("localhost", "127.0.0.1");
  expect(() => git(root, "-c", `http.sslCAInfo=${authority}`, "ls-remote", byAddress)).toThrow(/certificate|subject/i);
});

/** Asks for a path as it is: fetch would take the dots out of it. */
const rawly = (path: string) =>
  new Promise<{ status?: number; body: string }>((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, auth: "git:right" }, (answer) => {
      let body = "";
      answer.on("data", (chunk) => {
        body += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode, body }));
    });
    asked.on("error", reject).end();
  });

test("does not leave its folder", async () => {
  // Another repository, whose HEAD git would serve; of any other file it serves nothing.
  const beside = join(dirname(root), "secret.git");
  git(root, "init", "--quiet", "--bare", "--initial-branch=secret", beside);
  const work = commit(100);
  git(work, "push", "--quiet", join(root, "platform.git"), "main");
  git(work, "push", "--quiet", beside, "main:secret");
  expect(await rawly("/platform.git/HEAD")).toEqual({ status: 200, body: "ref: refs/heads/main\n" });
  for (const way of ["/platform.git/../../", "/../", "/%2e%2e/", "/..%2f", "/platform.git/..%2f..%2f", "/%2e%2e%2f"]) {
    const outside = await rawly(`${way}secret.git/HEAD`);
    expect(outside.status, way).toBeGreaterThanOrEqual(400);
    expect(outside.body, way).not.toContain("secret");
  }
});

test("goes on after a path that is no text", async () => {
  for (const path of ["/%zz", "//", "/platform.git/%"]) expect((await rawly(path)).status, path).toBe(400);
  expect((await rawly("/healthz")).status).toBe(200);
});

test("does not start without a password", () => {
  const start = () =>
    execFileSync(process.execPath, ["pipeline/git/server.mjs"], { env: { GIT_PROJECT_ROOT: root }, stdio: "pipe" });
  expect(start).toThrow(/GIT_PASSWORD must be set/);
});
