// How an engine is known, and what is left of one that does not come up. None is started, and the host's network stays as it is.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cache } from "../../embedded/src/cache.js";
import { engineFiles, hostFiles, runningEngine, startEngine, stopEngine } from "../../embedded/src/engine.js";
import { noteForwarding, restoreNetwork } from "../../embedded/src/hostNetwork.js";
import { alive } from "../../embedded/src/process.js";
import { hashOf, printTo } from "../../embedded/src/steps.js";
import { temporaryFolder } from "./temporary.js";

vi.mock("../../embedded/src/hostNetwork.js", async (original) => ({
  ...(await original<typeof import("../../embedded/src/hostNetwork.js")>()),
  noteForwarding: vi.fn(),
  restoreNetwork: vi.fn(),
}));
vi.mock("../../embedded/src/process.js", async (original) => {
  const actual = await original<typeof import("../../embedded/src/process.js")>();
  return { ...actual, alive: vi.fn(actual.alive) };
});

let before: ReturnType<typeof printTo>;
let started: ChildProcess[];

beforeEach(() => {
  vi.stubEnv("DAGGERW_CACHE", temporaryFolder());
  before = printTo(() => {});
  started = [];
});

afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  printTo(before);
  vi.resetAllMocks();
  vi.unstubAllEnvs();
});

/** A process that looks like an engine with this state. */
function engine(ENGINE_STATE: string): number {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "dagger-engine"], {
    argv0: "tini",
    env: { ENGINE_STATE },
  });
  started.push(child);
  return child.pid as number;
}

/** One whose pid an engine's file names. */
function named(state: string): number {
  const pid = engine(state);
  writeFileSync(engineFiles.pid, `${pid}`);
  return pid;
}

// Processes are known by /proc.
describe.runIf(process.platform === "linux")("the engine", () => {
  test("is that of its cache folder: another process that got its pid is not taken for it", async () => {
    const other = named("/of/another/cache");
    await vi.waitFor(() => expect(alive(other, "dagger-engine")).toBe(true), 5000);
    expect(runningEngine()).toBeUndefined();
    const pid = named(cache.engineState);
    await vi.waitFor(() => expect(runningEngine()).toBe(pid), 5000);
    const link = join(temporaryFolder(), "cache");
    symlinkSync(cache.root, link);
    vi.stubEnv("DAGGERW_CACHE", link);
    expect(runningEngine()).toBe(pid);
  });

  test("stays its cache folder's when its state is removed under it, by whatever name the folder is called", async () => {
    const pid = named(cache.engineState);
    await vi.waitFor(() => expect(runningEngine()).toBe(pid), 5000);
    rmSync(cache.engineState, { recursive: true });
    expect(runningEngine()).toBe(pid);
    const link = join(temporaryFolder(), "cache");
    symlinkSync(cache.root, link);
    rmSync(cache.engineState, { recursive: true });
    vi.stubEnv("DAGGERW_CACHE", link);
    expect(runningEngine()).toBe(pid);
  });

  test("leaves the note of how to take the network back while another cache folder's engine has the bridge", async () => {
    const other = engine("/of/another/cache");
    vi.mocked(alive).mockImplementation((pid) => pid === other); // nor does this host's own run, if it has one
    const note = join(cache.run, "engine.parts");
    writeFileSync(note, JSON.stringify({ root: "/no/root" }));
    await vi.waitFor(() => expect(readFileSync(`/proc/${other}/cmdline`, "utf8")).toMatch(/^tini\0/), 5000);
    await stopEngine();
    expect(restoreNetwork).not.toHaveBeenCalled();
    expect(existsSync(note)).toBe(true);
    vi.mocked(alive).mockReturnValue(false);
    await stopEngine();
    expect(restoreNetwork).toHaveBeenCalledExactlyOnceWith("/no/root");
    expect(existsSync(note)).toBe(false);
  });

  test("that did not come up is forgotten by a stop, which takes back what it did to the network", async () => {
    vi.mocked(alive).mockReturnValue(false); // nor does any of another cache folder
    const root = "/no/root";
    const parts = {
      ...{ binaries: root, root, sdk: { content: root, digest: "sha256:0" } },
      mirror: { address: "localhost:5077", registries: [] },
    };
    await expect(startEngine(parts)).rejects.toThrow("The engine did not start");
    await vi.waitFor(() => expect(readFileSync(engineFiles.log, "utf8")).not.toBe(""), 5000); // until its end
    expect(noteForwarding).toHaveBeenCalledTimes(1);
    vi.mocked(restoreNetwork).mockClear();
    await stopEngine();
    expect(restoreNetwork).toHaveBeenCalledExactlyOnceWith(root);
    await stopEngine();
    expect(restoreNetwork).toHaveBeenCalledTimes(1);
  });
});

test("the host's authorities are looked at in subfolders and behind links, where one may change while its link stays", () => {
  const [folder, elsewhere] = [temporaryFolder(), temporaryFolder()];
  mkdirSync(join(folder, "corporate"));
  const [own, linked] = [join(folder, "corporate", "own.crt"), join(elsewhere, "linked.crt")];
  for (const path of [own, linked]) writeFileSync(path, "old");
  symlinkSync(linked, join(folder, "link.crt"));
  symlinkSync(join(elsewhere, "gone.crt"), join(folder, "dangling.crt"));
  const hash = () => hashOf({ files: hostFiles(folder) });
  const hashes = [hash()];
  for (const path of [own, linked]) {
    writeFileSync(path, "new");
    hashes.push(hash());
  }
  expect(new Set(hashes).size).toBe(3);
  expect(hostFiles(join(folder, "nowhere"))).toEqual(hostFiles(temporaryFolder()));
});
