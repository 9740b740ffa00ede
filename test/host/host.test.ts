// The embedded engine changes nothing on the host outside its cache folder: the same before, during and after it runs.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runningEngine } from "../../embedded/src/engine.js";
import { identity } from "../../scripts/lock.mjs";
import { cacheFolder } from "../../wrapper/cache.js";
import { decide } from "../../wrapper/decide.js";
import { daggerw, repository, start } from "../engine/daggerw.js";
import { temporaryFolder } from "../unit/temporary.js";

const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8", maxBuffer: 1e9 });

const cacheOf = (...names: string[]) => join(cacheFolder(process.env), ...names);

/** Every file below /etc and /usr with what would show a change, the mounts, and the name servers. */
function host() {
  // The clone and the cache folder may lie below /usr, and both change.
  const own = [repository, cacheOf()].flatMap((folder) => ["-path", folder, "-prune", "-o"]);
  const files = run("find", "/etc", "/usr", ...own, "-printf", "%p %y %s %m %T@ %l\n");
  return {
    files: files.split("\n").sort(),
    mounts: readFileSync("/proc/self/mounts", "utf8").split("\n"),
    resolver: existsSync("/etc/resolv.conf") ? readFileSync("/etc/resolv.conf", "utf8") : "",
  };
}

/** The kernel's network: interfaces by name, whether it forwards, and the rules of its packet filter. */
function network() {
  const devices = readFileSync("/proc/net/dev", "utf8").split("\n").slice(2);
  // The host need not have iptables: the engine's root has.
  const root = readdirSync(cacheOf("built")).find((name) => name.startsWith("debian-engine-")) ?? "";
  const rules = run("chroot", cacheOf("built", root, "root"), "/usr/sbin/xtables-nft-multi", "iptables-save");
  return {
    interfaces: devices.map((line) => line.split(":")[0]?.trim()),
    forwarding: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8"),
    // Without the kernel's own chains that let pass: the first engine since the machine's start makes these, and they stay.
    rules: rules.split("\n").flatMap((line) => line.match(/^(?:-A .*|:(?!\S+ ACCEPT)\S+)/)?.[0] ?? []),
  };
}

/** A process as /proc shows it: not every host has `ps`. */
function processOf(name: string) {
  try {
    const args = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
    // After the command's name, which may hold anything: the state, and the parent.
    const [, parent] = / \S (\d+) [^)]*$/.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
    return [{ pid: Number(name), parent: Number(parent), args }];
  } catch {
    return []; // it has ended meanwhile
  }
}

/** A process and all below it. */
function treeOf(root: number) {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(processOf);
  const below = (pid: number): typeof all => [
    ...all.filter((one) => one.pid === pid),
    ...all.filter(({ parent }) => parent === pid).flatMap((child) => below(child.pid)),
  ];
  return below(root);
}

/** A call that needs no image. */
const bump = ["bump", "--env", "prod", "--tag", "v0.2.0", "as-patch", "contents"];

/** The engine's cache, and where it is kept meanwhile. */
const [state, kept] = [cacheOf("engine-state"), cacheOf("tmp", "engine-state")];

const { choice } = await decide({ root: repository, cache: cacheOf(), say: console.error });

describe.runIf(choice.cli === "embedded")("the embedded engine", () => {
  // With an empty cache: an engine that is killed costs it, and the next run of all tests would have to fill it.
  beforeAll(async () => {
    await daggerw(["engine", "stop"]);
    // A run that was killed has left it there, and its own in its place.
    if (existsSync(kept)) await rm(state, { recursive: true, force: true });
    else if (existsSync(state)) await rename(state, kept);
  });
  afterAll(async () => {
    await daggerw(["engine", "stop"]);
    if (!existsSync(kept)) return;
    await rm(state, { recursive: true, force: true });
    await rename(kept, state);
  });

  it("leaves the host's files, a user's home, mounts and DNS as they were, and its network too once it has stopped", async () => {
    const before = { ...host(), ...network() };
    expect(before.rules.filter((rule) => rule.includes("CNI-"))).toEqual([]);

    expect(await daggerw(["engine", "start"])).toMatchObject({ exitCode: 0 });
    const home = temporaryFolder();
    const env = { HOME: home, DAGGERW_CACHE: cacheOf(), XDG_STATE_HOME: "" };
    expect(await daggerw(["-s", "call", ...bump], env)).toMatchObject({ exitCode: 0 });
    expect(readdirSync(home)).toEqual([]);
    expect(host()).toEqual({ files: before.files, mounts: before.mounts, resolver: before.resolver });

    // As cron and `su` without `-` leave it: chroot is in /usr/sbin.
    const PATH = process.env.PATH?.split(":")
      .filter((folder) => !folder.includes("sbin"))
      .join(":");
    await daggerw(["engine", "stop"], { PATH });
    expect({ ...host(), ...network() }).toEqual(before);
  }, 300_000);

  it("is started anew where its state was removed under it", async () => {
    await daggerw(["engine", "start"]);
    await rm(state, { recursive: true, force: true, maxRetries: 5 }); // the engine goes on writing
    const next = await daggerw(["-s", "call", ...bump]);
    expect(next.exitCode, next.stderr).toBe(0);
    expect(next.stderr).toMatch(/✔ start the engine, /);
    await daggerw(["engine", "stop"]);
  }, 300_000);

  it("ends a call in whose middle it is killed, takes all that it started with it, and is there for the next", async () => {
    const before = network();
    await daggerw(["engine", "start"]);
    const running = start(["--progress=plain", "call", "test-chart"]);
    await running.says("together: lint chart, cluster");
    const engine = runningEngine() as number;
    const all = treeOf(engine);
    expect(all.map(({ args }) => args).join("\n")).toMatch(/\.init /); // containers too
    // With the time of its start: another may get its pid.
    const started = all.map(({ pid }) => identity(pid));
    process.kill(engine, "SIGKILL");
    const { exitCode, stderr } = await running.outcome;
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("the engine has ended in the middle of the call");
    const goOn = () => started.filter((one) => one.started !== "" && identity(one.pid).started === one.started);
    await expect.poll(goOn, { timeout: 30_000 }).toEqual([]);

    const next = await daggerw(["-s", "core", "default-platform"]);
    expect(next.stderr).toMatch(/✔ start the engine, .*: the one before was killed, and its cache is emptied first/);
    expect(next.exitCode, next.stderr).toBe(0);
    await daggerw(["engine", "stop"]);
    expect(network()).toEqual(before);
  }, 900_000);
});
