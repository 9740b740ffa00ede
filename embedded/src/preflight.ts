// Whether this host can build and run the embedded engine: all that is missing is reported together, before anything starts.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statfsSync } from "node:fs";
import { arch, platform } from "node:os";
import { join } from "node:path";
import { cache, cacheRoot } from "./cache.js";
import { debianArchive, debianKeyring } from "./debian.js";
import { goVersion } from "./go.js";

export type HostFacts = {
  platform: string;
  architecture: string;
  root: boolean;
  nodeVersion: string;
  /** As `go env GOVERSION` says it; nothing when there is no Go. */
  goVersion?: string;
  /** Commands that are not on the PATH. */
  missingCommands: string[];
  /** Why no mount namespace with mounts of its own can be made; nothing when it can. */
  namespaceProblem?: string;
  /** Why Debian packages can't be had; nothing when they can. */
  debianProblem?: string;
  cacheRoot: string;
  freeBytes: number;
  /** The parts are built already, so that a run needs room for its own data only. */
  built: boolean;
};

const GB = 1e9;
/** From nothing: Go's module and build caches take most of it. */
const COLD_BYTES = 12 * GB;
const WARM_BYTES = 2 * GB;

const neededCommands = ["apt-get", "dpkg", "dpkg-deb", "flock", "tar", "unshare", "pivot_root", "mount", "cp", "du"];

/** What keeps this host from running the embedded engine: one text for each obstacle, with what to do about it. */
export function obstacles(facts: HostFacts): string[] {
  const found: string[] = [];
  const check = (fine: boolean, text: string) => {
    if (!fine) found.push(text);
  };
  check(
    facts.platform === "linux",
    `This is ${facts.platform}: the embedded engine needs Linux. Install Docker instead.`,
  );
  check(
    ["x64", "arm64"].includes(facts.architecture),
    `The processor is ${facts.architecture}: the embedded engine is made for amd64 and arm64.`,
  );
  check(facts.root, "This user is not root: the embedded engine mounts file systems. Run as root, or install Docker.");
  check(atLeast(facts.nodeVersion, 20, 0), `Node.js is ${facts.nodeVersion}: install version 20 or newer.`);
  if (!facts.goVersion) found.push("Go is not on the PATH: install Go 1.26 or newer; the engine is built from source.");
  else if (!atLeast(facts.goVersion, 1, 26)) found.push(`Go is ${facts.goVersion}: install version 1.26 or newer.`);
  const { missingCommands: missing } = facts;
  check(
    missing.length === 0,
    `Not on the PATH: ${missing.join(", ")}. They are in Debian's packages apt, dpkg, util-linux, tar, mount and coreutils.`,
  );
  if (facts.debianProblem) found.push(facts.debianProblem);
  if (facts.namespaceProblem) {
    found.push(
      `Mount namespaces can't be used (${facts.namespaceProblem}): in a container, it has to be a privileged one.`,
    );
  }
  const needed = facts.built ? WARM_BYTES : COLD_BYTES;
  check(
    facts.freeBytes >= needed,
    `${gigabytes(facts.freeBytes)} are free for ${facts.cacheRoot}, and ${gigabytes(needed)} are needed: ` +
      "free some space, or point DAGGERW_CACHE to a larger disk.",
  );
  return found;
}

const gigabytes = (bytes: number) => `${(Math.floor(bytes / 1e8) / 10).toFixed(1)} GB`;

function atLeast(version: string, major: number, minor: number): boolean {
  const [, actualMajor = 0, actualMinor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  return actualMajor > major || (actualMajor === major && actualMinor >= minor);
}

/** Looks at this host. */
export function hostFacts(): HostFacts {
  const linux = platform() === "linux";
  const root = process.getuid?.() === 0;
  const missingCommands = neededCommands.filter((command) => !onPath(command));
  const has = (command: string) => !missingCommands.includes(command);
  return {
    platform: platform(),
    architecture: arch(),
    root,
    nodeVersion: process.version,
    goVersion: onPath("go") ? goVersion() : undefined,
    missingCommands: linux ? missingCommands : [],
    namespaceProblem: linux && root && has("unshare") && has("mount") ? namespaceProblem() : undefined,
    debianProblem: linux && has("apt-get") ? problemOf(() => [debianArchive(), debianKeyring()]) : undefined,
    cacheRoot: cacheRoot(),
    freeBytes: freeBytes(),
    built: isBuilt(),
  };
}

/** Whether all large parts have been built here; perhaps from other sources than today's. */
export function isBuilt(): boolean {
  const results = readdirSync(cache.built);
  return ["go-engine", "registry", "sdk"].every((name) => results.some((entry) => entry.startsWith(`${name}-`)));
}

/** Throws one error with all obstacles, if there are any. */
export function preflight(facts: HostFacts = hostFacts()): void {
  const found = obstacles(facts);
  if (found.length === 0) return;
  throw new Error(`This host can't run the embedded Dagger engine:\n${found.map((text) => `  - ${text}`).join("\n")}`);
}

const searchPath = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

function onPath(command: string): boolean {
  return searchPath.split(":").some((folder) => existsSync(join(folder, command)));
}

/** Does for a moment what the engine's start does: mounts, and makes a mount the root. */
function namespaceProblem(): string | undefined {
  const script = 'mount -t tmpfs tmpfs "$1" && mkdir "$1/old" && cd "$1" && pivot_root . old';
  const args = ["--mount", "--propagation", "private", "sh", "-c", script, "sh", cache.tmp];
  return problemOf(() => run("unshare", args));
}

const run = (command: string, args: string[]) =>
  execFileSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH: searchPath },
  });

function problemOf(check: () => unknown): string | undefined {
  try {
    check();
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return (stderr || message).trim();
  }
}

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(cache.root);
  return bavail * bsize;
}
