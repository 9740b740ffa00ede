// daggerw as a user runs it: the script itself, in a copy of the repository, with nothing on PATH but what a test puts there.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { isBuiltin } from "node:module";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { stampOf } from "../../scripts/deps.mjs";
import { cacheEntry } from "../../wrapper/cache.js";

vi.setConfig({ testTimeout: 60_000 }); // For a machine that is busy with a build.

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const base = realpathSync(mkdtempSync(join(tmpdir(), "daggerw-")));
const root = join(base, "repo");
const isLinuxRoot = process.platform === "linux" && process.getuid?.() === 0;

let home: string;
let bin: string;
let env: NodeJS.ProcessEnv;
let started: ChildProcess[];

/** What daggerw has after its own `npm ci`, and nothing besides. */
const packages = [...Object.keys(packageJson.dependencies), "@esbuild"];
const linkPackages = (target: string) => {
  mkdirSync(target, { recursive: true });
  for (const name of packages) {
    symlinkSync(join(repository, "node_modules", name), join(target, name));
  }
};
const install = () => {
  linkPackages(join(root, "node_modules"));
  writeFileSync(join(root, "node_modules", ".installed"), stampOf(root));
};

beforeAll(() => {
  mkdirSync(root);
  for (const name of ["daggerw", "wrapper", "scripts", "dagger.json", "package.json", "package-lock.json"]) {
    cpSync(join(repository, name), join(root, name), { recursive: true });
  }
  writeFileSync(join(root, "wrapper", "checksums.json"), "{}");
  install();
  waiting = callsOfSlowDaemons();
});
afterAll(() => {
  waiting.end();
  rmSync(base, { recursive: true, force: true });
});

/** A machine with nothing on PATH but what a test puts there. */
const newMachine = () => {
  home = mkdtempSync(join(base, "home-"));
  bin = join(home, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  for (const name of ["sh", "cat", "dirname", "readlink", "sleep", "mkdir", "ln", "du", "rm"]) {
    const path = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
    symlinkSync(path.find(existsSync) as string, join(bin, name));
  }
  env = { PATH: bin, HOME: home };
  started = [];
};
const endAll = (children: ChildProcess[]) => {
  for (const child of children) {
    try {
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {
      // It has ended.
    }
  }
};
beforeEach(newMachine);
afterEach(() => endAll(started));

const command = (name: string, script: string) => {
  const path = join(bin, name);
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
};
const fakeDagger = (script = 'for arg; do echo "arg: $arg"; done; pwd', version = "0.21.8") =>
  command("dagger", `[ "$1" = version ] && { echo "dagger v${version} (image) x"; exit 0; }\n${script}`);
const fakeDocker = () => command("docker", 'echo "Client: 1"');

const start = (args: string[], { cwd = root, more = {} as NodeJS.ProcessEnv } = {}) => {
  // A process group of its own, as a shell gives to each command that it runs.
  const child = spawn(join(root, "daggerw"), args, { cwd, env: { ...env, ...more }, detached: true });
  started.push(child);
  const result = { code: -1, signal: null as NodeJS.Signals | null, stdout: "", stderr: "", ms: 0 };
  const since = Date.now();
  child.stdin.end();
  child.stdout.on("data", (chunk) => {
    result.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    result.stderr += chunk;
  });
  const ended = once(child, "close").then(([code, signal]) =>
    Object.assign(result, { code, signal, ms: Date.now() - since }),
  );
  return { child, result, ended };
};
const daggerw = (args: string[], options?: Parameters<typeof start>[1]) => start(args, options).ended;

/** Begun with the file and looked at by its last test: half a minute, in which the others have the processors. */
let waiting: ReturnType<typeof callsOfSlowDaemons>;
function callsOfSlowDaemons() {
  newMachine();
  fakeDagger();
  command("docker", '[ -z "$HANGS" ] || exec sleep 60\nsleep 4; echo Client: 1');
  // What `engine status` or a failed check of this host leaves: nothing is built.
  mkdirSync(cacheEntry(join(home, ".cache", "daggerw"), "built"), { recursive: true });
  const official = { DAGGERW: "official" };
  const ended = Promise.all([
    daggerw(["call"], { more: { ...official, HANGS: "1" } }),
    daggerw(["call"], { more: official }),
    isLinuxRoot ? daggerw(["call"]) : undefined,
  ]);
  const children = started;
  return { ended, end: () => endAll(children) };
}

/** An address where nobody listens, and no program is given by chance. Ports 1 and 9 are among those that fetch does not ask. */
const NOBODY = "http://127.0.0.1:2";
const listening = async (answer: (socket: Socket) => void) => {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(join(home, "s"), done));
  return { url: `unix://${join(home, "s")}`, server };
};

const until = async (condition: () => boolean) => {
  for (const end = Date.now() + 30_000; !condition(); ) {
    if (Date.now() > end) throw new Error("waited in vain");
    await new Promise((done) => setTimeout(done, 20));
  }
};
const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("the dagger on PATH", () => {
  beforeEach(() => {
    fakeDocker();
    fakeDagger();
  });

  it("gets the arguments as they are, in the user's folder", async () => {
    const folder = join(root, "wrapper");
    const result = await daggerw(["call", "ci", "--env", "local", "--note", "a b '$HOME' \\ *", ""], { cwd: folder });
    expect(result.stdout).toBe(
      ["call", "ci", "--env", "local", "--note", "a b '$HOME' \\ *", ""].map((arg) => `arg: ${arg}\n`).join("") +
        `${folder}\n`,
    );
    expect(result.stderr).toBe(`daggerw: ${bin}/dagger v0.21.8 (docker answers)\n`);
    expect(result.code).toBe(0);
  });

  it("gets this repository's module when called from elsewhere, also by a link", async () => {
    symlinkSync(join(root, "daggerw"), join(home, "link"));
    const child = spawn(join(home, "link"), ["call", "ci"], { cwd: home, env });
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    await once(child, "close");
    expect(stdout).toBe(`arg: call\narg: --mod\narg: ${root}\narg: ci\n${home}\n`);
  });

  it("is quiet when told to be", async () => {
    expect((await daggerw(["call"], { more: { DAGGERW_QUIET: "1" } })).stderr).toBe("");
  });

  it.each([0, 1, 42])("gives its exit code: %i", async (code) => {
    fakeDagger(`exit ${code}`);
    expect((await daggerw(["call"])).code).toBe(code);
  });

  it("gives 128 + signal when it is killed", async () => {
    fakeDagger("kill -TERM $$");
    expect((await daggerw(["call"])).code).toBe(143);
  });

  it("has what it failed with in the job summary of GitHub Actions, the table and the chart first", async () => {
    const summary = join(home, "summary.md");
    writeFileSync(summary, "before\n");
    const more = { GITHUB_STEP_SUMMARY: summary };
    const chart = "```mermaid\ngantt\n    section Commit (helloworld)\n```";
    fakeDagger(`echo '5 : ci DONE' >&2; [ "$1" = good ] && exit 0
printf 'Error: ci: failed at cluster\\n\\ncluster:\\n  it broke\\n\\n## ci\\n\\n| Step |\\n\\n**Failed**\\n\\n${chart}\\n [traceparent:12-34]\\n' >&2; exit 1`);
    expect(await daggerw(["good"], { more })).toMatchObject({ code: 0 });
    expect(readFileSync(summary, "utf8")).toBe("before\n");
    const { code, stderr } = await daggerw(["call"], { more });
    expect(code).toBe(1);
    expect(stderr).toContain("5 : ci DONE");
    expect(readFileSync(summary, "utf8")).toBe(
      `before\n## ci\n\n| Step |\n\n**Failed**\n\n${chart}\n\n` +
        "```text\nError: ci: failed at cluster\n\ncluster:\n  it broke\n```\n",
    );
  });

  it("isn't daggerw itself by another name", async () => {
    rmSync(join(bin, "dagger"));
    symlinkSync(join(root, "daggerw"), join(bin, "dagger"));
    const result = await daggerw(["call"], { more: { DAGGERW_DOWNLOAD_URL: NOBODY } });
    expect(result.stderr).toContain("no dagger on PATH");
    expect(result.code).toBe(1);
  });

  describe("that takes a moment to end", () => {
    const waits = (trap: string) => fakeDagger(`${trap}\necho "pid $$"\nwhile :; do sleep 0.05; done`);
    const running = async () => {
      const run = start(["call"]);
      await until(() => run.result.stdout.includes("pid"));
      return { ...run, pid: Number(/pid (\d+)/.exec(run.result.stdout)?.[1]) };
    };

    it("gets Ctrl-C, is waited for, and gives 130", async () => {
      waits("trap 'sleep 0.3; echo tidied up; exit 2' INT");
      const { child, ended, pid } = await running();
      process.kill(-(child.pid as number), "SIGINT");
      const result = await ended;
      expect(result.stdout).toContain("tidied up");
      expect(result.code).toBe(130);
      expect(isRunning(pid)).toBe(false);
    });

    it("may succeed in spite of Ctrl-C", async () => {
      waits("trap 'exit 0' INT");
      const { child, ended } = await running();
      process.kill(-(child.pid as number), "SIGINT");
      expect((await ended).code).toBe(0);
    });

    it.each([
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const)("gets a %s that was sent to daggerw alone", async (signal, code) => {
      waits("");
      const { child, ended, pid } = await running();
      process.kill(child.pid as number, signal);
      expect((await ended).code).toBe(code);
      expect(isRunning(pid)).toBe(false);
    });
  });
});

describe("what can't work is said at once", () => {
  it("a wrong DAGGERW", async () => {
    const result = await daggerw(["call"], { more: { DAGGERW: "docker" } });
    expect(result.stderr).toContain('daggerw: DAGGERW=docker means nothing: it can be "embedded" or "official"');
    expect(result.code).toBe(2);
  });

  it.each([
    ["unix:///nowhere/engine.sock", "there is no such socket"],
    ["tcp://127.0.0.1:9", "connection refused"],
    ["tcp://127.0.0.1", "it should be tcp://host:port"],
  ])("a runner host without an engine: %s", async (url, why) => {
    fakeDagger();
    const result = await daggerw(["call"], { more: { _EXPERIMENTAL_DAGGER_RUNNER_HOST: url } });
    expect(result.stderr).toContain(`_EXPERIMENTAL_DAGGER_RUNNER_HOST is ${url}, and no engine answers there: ${why}`);
    expect(result.code).toBe(1);
    expect(result.ms).toBeLessThan(5_000);
  });

  it("a runner host that speaks another language", async () => {
    fakeDagger();
    const { url, server } = await listening((socket) => socket.end("HTTP/1.1 400\r\n\r\n"));
    const result = await daggerw(["call"], { more: { _EXPERIMENTAL_DAGGER_RUNNER_HOST: url } });
    server.close();
    expect(result.stderr).toContain("what answers there is no Dagger engine");
    expect(result.code).toBe(1);
  });

  it("a runner host that hangs", { retry: 2 }, async () => {
    fakeDagger();
    const { url, server } = await listening(() => {});
    const result = await daggerw(["call"], { more: { _EXPERIMENTAL_DAGGER_RUNNER_HOST: url } });
    server.close();
    expect(result.stderr).toContain("no answer within 3 s");
    expect(result.code).toBe(1);
    expect(result.ms).toBeLessThan(5_000);
  });

  it("an old Node", async () => {
    command("node", "echo v18.19.0");
    const result = await daggerw(["call"]);
    expect(result.stderr).toBe(
      `daggerw: Node.js 20 or newer is needed, and ${bin}/node is v18.19.0.\nGet it from https://nodejs.org/en/download, or with a version manager (nvm install 22), or from the system's packages.\n`,
    );
    expect(result.code).toBe(1);
  });

  it("no Node", async () => {
    rmSync(join(bin, "node"));
    const result = await daggerw(["call"]);
    expect(result.stderr).toContain("there is no `node` on PATH.\nGet it from");
    expect(result.code).toBe(1);
  });
});

describe("the official CLI", () => {
  it("is fetched for Docker without dagger; Ctrl-C in the middle leaves nothing", async () => {
    fakeDocker();
    const server = createHttpServer((_, response) => response.write("some"));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { child, result, ended } = start(["call"], { more: { DAGGERW_DOWNLOAD_URL: url } });
    await until(() => result.stderr.includes("downloading"));
    process.kill(-(child.pid as number), "SIGINT");
    await ended;
    server.closeAllConnections();
    server.close();
    expect(result.stderr).toContain("to be downloaded (docker answers; no dagger on PATH)");
    expect(result.stderr).toContain("interrupted");
    expect(result.code).toBe(130);
    const left = readdirSync(join(home, ".cache", "daggerw"), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual([".daggerw"]);
  });
});

describe.runIf(isLinuxRoot)("the embedded engine", () => {
  const source = join(root, "embedded", "src");
  beforeEach(() => {
    mkdirSync(source, { recursive: true });
    command("embedded-dagger", 'echo "args: $*"; echo "$_EXPERIMENTAL_DAGGER_RUNNER_HOST $DO_NOT_TRACK $EXTRA"');
    writeFileSync(
      join(source, "index.ts"),
      `import { appendFileSync, rmSync } from "node:fs";
       import { where } from "./where.ts";
       const log = (line: string) => appendFileSync(process.env.HOME + "/log", line + "\\n");
       export const ensure = async (call?: { name: string }) => {
         log("ensure " + where + (call ? " for " + call.name : ""));
         if (process.env.BROKEN) throw new Error("Go is missing: install it");
         return { cli: "${bin}/embedded-dagger", runnerHost: "unix:///e.sock", env: { EXTRA: "more" } };
       };
       export const buildCli = async () => {
         log("buildCli");
         return { cli: "${bin}/embedded-dagger", env: { EXTRA: "more" } };
       };
       export const builtCli = async () =>
         process.env.UNBUILT ? undefined : { cli: "${bin}/embedded-dagger", env: { EXTRA: "more" } };
       export const build = async (...groups: string[]) => log(["build", ...groups].join(" "));
       export const status = async () => ["built", "engine runs: pid 1"];
       export const stop = async () => log("stop");
       export const stopAndRemove = async (remove: () => Promise<void>) => {
         if (process.env.IN_USE) throw new Error("Not removed: it is in use by a call (pid 17).");
         log("stop");
         await remove();
       };`,
    );
    writeFileSync(join(source, "where.ts"), `export const where: string = import.meta.url;`);
  });
  const log = () => (existsSync(join(home, "log")) ? readFileSync(join(home, "log"), "utf8") : "");

  it("is used when there is no Docker", async () => {
    const result = await daggerw(["call", "ci"]);
    expect(result.stderr).toBe(
      "daggerw: embedded engine v0.21.8 (no Docker or other container runtime is installed; DAGGERW=official would force the official one)\n",
    );
    expect(result.stdout).toBe("args: call ci\nunix:///e.sock 1 more\n");
    expect(result.code).toBe(0);
    expect(log()).toBe(`ensure file://${source}/where.ts for ci\n`);
  });

  it("is bundled anew when a source changed", async () => {
    await daggerw(["call"]);
    writeFileSync(join(source, "where.ts"), `export const where = "elsewhere";`);
    await daggerw(["call"]);
    expect(log()).toBe(`ensure file://${source}/where.ts\nensure elsewhere\n`);
  });

  it("is bundled anew when a source changed while it was bundled", async () => {
    // What reads the second one waits for its writer, when the first one has been read.
    const [where, slow] = [join(source, "where.ts"), join(source, "slow.ts")];
    writeFileSync(where, `import { slow } from "./slow.ts"; export const where = "before" + slow;`);
    execFileSync("mkfifo", [slow]);
    const call = daggerw(["call"]);
    const writer = await open(slow, "w");
    rmSync(slow);
    writeFileSync(slow, `export const slow = "";`);
    writeFileSync(where, `export const where = "after";`);
    await writer.writeFile(readFileSync(slow));
    await writer.close();
    await call;
    await daggerw(["call"]);
    expect(log()).toBe("ensure before\nensure after\n");
    rmSync(slow);
  });

  it("is used when it is forced, and its CLI with a runner host of the user's when no other can be had", async () => {
    fakeDocker();
    expect((await daggerw(["call"], { more: { DAGGERW: "embedded" } })).stderr).toBe(
      "daggerw: embedded engine v0.21.8 (DAGGERW=embedded)\n",
    );
    const { url, server } = await listening((socket) => socket.end(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])));
    const more = { _EXPERIMENTAL_DAGGER_RUNNER_HOST: url, DAGGERW_DOWNLOAD_URL: NOBODY };
    const result = await daggerw(["call"], { more });
    server.close();
    expect(result.stderr).toContain("The embedded CLI does it.");
    // Without an engine on this host, which nobody would call.
    expect(log().split("\n").filter(Boolean)).toEqual([`ensure file://${source}/where.ts`, "buildCli"]);
    expect(result.stdout).toBe(`args: call\n${url} 1 more\n`);
  });

  it("isn't started for help, nor built", async () => {
    expect((await daggerw(["--help"])).stdout).toBe("args: --help\n 1 more\n");
    const unbuilt = await daggerw(["help", "call"], { more: { UNBUILT: "1" } });
    expect(unbuilt).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is not built yet: ./daggerw engine start"),
    });
    expect(unbuilt.stdout).toContain("./daggerw functions");
    expect(log()).toBe("");
  });

  it("isn't started for a verb of `engine` alone, unless there is a script of that name", async () => {
    expect(await daggerw(["status"])).toMatchObject({
      code: 2,
      stderr: "daggerw: Dagger has no `status`. Do you mean `./daggerw engine status`?\n",
    });
    expect(log()).toBe("");
    const cwd = mkdtempSync(join(home, "scripts-"));
    writeFileSync(join(cwd, "status"), "");
    expect((await daggerw(["status"], { cwd })).stdout).toContain("args: status");
  });

  it("tells its own errors without a stack", async () => {
    const result = await daggerw(["call"], { more: { BROKEN: "1" } });
    expect(result.stderr.split("\n").slice(1)).toEqual(["daggerw: Go is missing: install it", ""]);
    expect(result.code).toBe(1);
  });

  it("has a status, a start, a stop and a removal", async () => {
    const cache = join(home, ".cache", "daggerw");
    writeFileSync(join(cacheEntry(cache, "built"), "big"), Buffer.alloc(3e6, 1));
    const status = await daggerw(["engine", "status"]);
    expect(status.stdout).toMatch(/chosen +embedded engine v0\.21\.8/);
    expect(status.stdout).toMatch(/embedded +built\n +engine runs: pid 1/);
    expect(status.stdout).toMatch(/cache +.*\.cache\/daggerw\n +built +3 MB\n +in all +3 MB\n/);
    expect(log()).toBe("");

    expect((await daggerw(["engine", "start"])).code).toBe(0);
    expect((await daggerw(["engine", "stop"])).code).toBe(0);
    const asked = await daggerw(["engine", "remove"]);
    expect(asked.stderr).toContain("say --yes");
    expect(asked.code).toBe(2);
    expect(log()).toBe(`ensure file://${source}/where.ts\nstop\n`);

    const busy = await daggerw(["engine", "remove", "--yes"], { more: { IN_USE: "1" } });
    expect(busy).toMatchObject({ code: 1, stderr: expect.stringContaining("in use by a call (pid 17)") });
    expect(existsSync(join(cache, "built", "big"))).toBe(true);

    // DAGGERW_CACHE may name a disk with other things on it, called as daggerw would call its own.
    for (const name of ["mine", "go"]) mkdirSync(join(cache, name));
    const partly = await daggerw(["engine", "remove", "--yes"]);
    expect(partly.stderr).toContain("daggerw: removing built, 3 MB …");
    expect(partly.stdout).toMatch(/^Removed what daggerw made in .*daggerw: 3 MB are free again\.\n/);
    expect(partly.stdout).toContain("Left there, since it is not daggerw's: go, mine");
    expect(readdirSync(cache).sort()).toEqual(["go", "mine"]);
    expect(log()).toMatch(/stop\nstop\n$/);
    for (const name of ["mine", "go"]) rmSync(join(cache, name), { recursive: true });

    expect((await daggerw(["engine", "remove", "--yes"])).code).toBe(0);
    expect(existsSync(cache)).toBe(false);
    expect((await daggerw(["engine", "remove", "--yes"])).stdout).toContain("nothing to remove");
  });

  it("is removed to its end after a removal that was killed, and nothing of somebody else's with it", async () => {
    const cache = join(home, ".cache", "daggerw");
    for (const name of ["locks", "built", "cli", "run"] as const) cacheEntry(cache, name);
    mkdirSync(join(cache, "go"));
    command("du", 'case "$2" in */run) kill -9 "$PPID" ;; esac; echo "1 $2"');
    expect(await daggerw(["engine", "remove", "--yes"])).toMatchObject({ signal: "SIGKILL" });
    expect(readdirSync(cache)).not.toContain("built");
    command("du", 'echo "1 $2"');
    expect(await daggerw(["engine", "remove", "--yes"])).toMatchObject({ code: 0 });
    expect(readdirSync(cache)).toEqual(["go"]);
  });

  it("builds what every call, Terraform or GitOps needs, and nothing where the public registries have it", async () => {
    for (const command of ["build", "terraform", "gitops"]) expect((await daggerw(["engine", command])).code).toBe(0);
    const built = "build\nbuild simulator terraform\nbuild gitops\n";
    expect(log()).toBe(built);
    fakeDocker();
    fakeDagger();
    expect((await daggerw(["engine", "terraform"])).stderr).toContain("There is nothing to build");
    expect(await daggerw(["engine", "build"])).toMatchObject({ code: 0, stdout: "" });
    expect(log()).toBe(built);
    expect((await daggerw(["engine", "terraform", "--now"])).stderr).toContain("knows no --now");
  });

  it("has help, and refuses what it doesn't know", async () => {
    expect((await daggerw(["engine", "--help"])).stdout).toContain("./daggerw engine <command>");
    expect((await daggerw(["engine", "burn"])).stderr).toContain("There is no `engine burn`; there are: status, start");
    expect((await daggerw(["engine", "stop", "--yes"])).stderr).toContain("knows no --yes");
  });
});

describe("a fresh clone", () => {
  const installed = join(root, "node_modules");
  const runs = () => readFileSync(join(home, "npm.log"), "utf8").split("\n").filter(Boolean);
  beforeEach(() => {
    fakeDocker();
    fakeDagger();
    rmSync(installed, { recursive: true });
    const sources = packages.map((name) => join(repository, "node_modules", name));
    command(
      "npm",
      `echo "$$ $*" >> "$HOME/npm.log"; while [ -n "$NPM_WAITS" ] && [ ! -e "$HOME/go-on" ]; do sleep 0.05; done; [ -z "$NPM_FAILS" ] || exit 3
       rm -rf node_modules; mkdir node_modules; ln -s ${sources.map((source) => `"${source}"`).join(" ")} node_modules/; echo "$$ end" >> "$HOME/npm.log"`,
    );
  });
  afterEach(() => {
    rmSync(installed, { recursive: true, force: true });
    install();
  });
  /** An npm that takes until `goOn`. */
  const waits = { more: { NPM_WAITS: "1" } };
  const goOn = () => writeFileSync(join(home, "go-on"), "");

  it("is installed once by two that start together; the second says that it waits", async () => {
    const both = [start(["call"], waits), start(["call"], waits)];
    await until(() => both.some(({ result }) => result.stderr.includes("Waiting for process")));
    goOn();
    const results = await Promise.all(both.map(({ ended }) => ended));
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs()).toEqual([expect.stringContaining(" ci --omit=dev"), expect.stringMatching(/ end$/)]);
    const said = results.map(({ stderr }) => stderr).join("");
    expect(said.match(/npm ci in .* …/g)?.length).toBe(1);
    expect(said.match(/Waiting for process \d+, which is installing/g)?.length).toBe(1);
    expect(existsSync(join(root, ".deps.lock"))).toBe(false);
  });

  it("gets the packages of development from npm's scripts alone, and keeps them", async () => {
    await daggerw(["call"]);
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: home };
    execFileSync("node", [join(root, "scripts/deps.mjs"), root], { env, stdio: "ignore" });
    await daggerw(["call"]);
    const began = runs().filter((line) => line.includes(" ci "));
    expect(began).toEqual([expect.stringContaining("--omit=dev"), expect.stringContaining("--include=dev")]);
  });

  it.each(["wrapper/main.ts", "embedded/src/index.ts"])("needs no other package for %s", async (entry) => {
    const { metafile } = await build({
      ...{ entryPoints: [join(repository, entry)], bundle: true, write: false, metafile: true },
      ...{ platform: "node", format: "esm", packages: "external", outdir: base },
    });
    const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    const others = imported.filter((path) => !isBuiltin(path)).map((path) => path.split("/")[0]);
    expect(Object.keys(packageJson.dependencies)).toEqual(expect.arrayContaining(others));
  });

  it("is installed by the next one after a kill, when what the killed one had started is over", async () => {
    const first = start(["call"], waits);
    await until(() => existsSync(join(home, "npm.log")) && runs().length > 0); // the file is there before its line
    const orphan = runs()[0]?.split(" ")[0];
    await until(() => readFileSync(join(root, ".deps.lock"), "utf8").includes(`${orphan}`));
    process.kill(first.child.pid as number, "SIGKILL");
    const second = start(["call"]);
    await until(() => second.result.stderr.includes("Waiting for process"));
    goOn();
    expect((await second.ended).code).toBe(0);
    expect(runs().map((line) => line.split(" ")[1])).toEqual(["ci", "end", "ci", "end"]);
  });

  it("tells when npm fails, and tries again the next time", async () => {
    const failed = await daggerw(["call"], { more: { NPM_FAILS: "1" } });
    expect(failed.stderr).toContain("failed (exit code 3); its output is above.");
    expect(failed.code).toBe(1);
    expect((await daggerw(["call"])).code).toBe(0);
  });

  it("tells when there is no npm", async () => {
    rmSync(join(bin, "npm"));
    expect((await daggerw(["call"])).stderr).toContain("There is no `npm` on PATH (it comes with Node.js).");
  });
});

describe("what is waited for", () => {
  it("a daemon that hangs, once it has been asked again: one that wakes up is only slow", async () => {
    const [hanging, slow, automatic] = await waiting.ended;
    expect(hanging.stderr).toContain("docker: no answer yet. Asked once more, before giving up");
    expect(hanging.stderr).toContain("docker: no answer within 20 s");
    expect(hanging.code).toBe(1);
    expect(hanging.ms).toBeLessThan(40_000);
    expect(slow.stderr).toContain("(docker answers)");
    expect(slow.code).toBe(0);
    if (!automatic) return;
    expect(automatic.stderr).toContain("docker: no answer yet. Asked once more, before an engine is built");
    expect(automatic.stderr).toContain("(docker answers)");
    expect(automatic.code).toBe(0);
  });
});
