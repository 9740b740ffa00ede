// Whether this host can build and run the embedded engine: all that is missing is reported together, before anything starts.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statfsSync } from "node:fs";
import { arch, freemem, platform } from "node:os";
import { join } from "node:path";
import coerce from "semver/functions/coerce.js";
import gte from "semver/functions/gte.js";
import { cache, cacheRoot } from "./cache.js";
import { debianArchive, debianKeyring } from "./debian.js";
import { engineSocket } from "./engine.js";
import { goVersion } from "./go.js";
import { systemPath } from "./shell.js";

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
  /** The engine's socket in it. */
  socket: string;
  freeBytes: number;
  /** How much of the large parts is to be built, from 0 to 1. */
  missing: number;
  /** What is going to be built besides them. */
  besides: { bytes: number; parts: string };
};

const GB = 1e9;
/** From nothing, until the engine runs; 18 were measured. Go's module and build caches take most of it. */
const COLD_BYTES = 20 * GB;
const WARM_BYTES = 2 * GB;
/** What the AWS provider takes: compiled packages, a binary of almost a gigabyte and its copies in image and engine; its linker. */
export const PROVIDERS_BYTES = 10 * GB;
const PROVIDERS_MEMORY = 8 * GB;

/** The highest `go` line of the modules in embedded/go. */
export const NEEDED_GO = "1.26.4";

/** What the kernel takes for a Unix socket (sun_path, less the zero at its end). */
const LONGEST_SOCKET = 107;

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
  check(atLeast(facts.nodeVersion, "20.0.0"), `Node.js is ${facts.nodeVersion}: install version 20 or newer.`);
  const { goVersion: go } = facts;
  const goNeeded = `install version ${NEEDED_GO} or newer`;
  if (!go) found.push(`Go is not on the PATH: ${goNeeded}; the engine is built from source.`);
  else if (!atLeast(go, NEEDED_GO)) found.push(`Go is ${go}: ${goNeeded}.`);
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
  check(
    Buffer.byteLength(facts.socket) <= LONGEST_SOCKET && !/[:,\\]/.test(facts.cacheRoot),
    `${facts.cacheRoot} can't be the cache folder: the engine's socket in it must have a path of at most ${LONGEST_SOCKET} bytes, ` +
      "and mounts allow no colon, comma or backslash. Point DAGGERW_CACHE to another folder.",
  );
  const { bytes, parts } = facts.besides;
  const needed = Math.max(WARM_BYTES, facts.missing * COLD_BYTES) + bytes;
  const share = bytes > 0 ? ` ${gigabytes(bytes)} of them are for ${parts}.` : "";
  check(facts.freeBytes >= needed, tooLittleSpace(facts, needed) + share);
  return found;
}

/** What keeps this host from building Terraform's providers. */
export function obstaclesToProviders(facts: { cacheRoot: string; freeBytes: number; freeMemory: number }): string[] {
  const found: string[] = [];
  if (facts.freeBytes < PROVIDERS_BYTES) found.push(tooLittleSpace(facts, PROVIDERS_BYTES));
  if (facts.freeMemory < PROVIDERS_MEMORY) {
    found.push(
      `${gigabytes(facts.freeMemory)} of memory are available, and compiling the AWS provider takes ${gigabytes(PROVIDERS_MEMORY)}: ` +
        "end what else runs, or use a larger machine.",
    );
  }
  return found;
}

const tooLittleSpace = ({ freeBytes, cacheRoot }: { freeBytes: number; cacheRoot: string }, needed: number) =>
  `${gigabytes(freeBytes)} are free for ${cacheRoot}, and ${gigabytes(needed)} are needed: ` +
  "free some space, or point DAGGERW_CACHE to a larger disk.";

const gigabytes = (bytes: number) => `${(Math.floor(bytes / 1e8) / 10).toFixed(1)} GB`;

/** A version as its program says it, `go1.26` or `v24.1.0`. */
const atLeast = (version: string, needed: string) => gte(coerce(version) ?? "0.0.0", needed);

/** Looks at this host. */
export function hostFacts(missing: number, besides = { bytes: 0, parts: "" }): HostFacts {
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
    socket: engineSocket(),
    freeBytes: freeBytes(),
    missing,
    besides,
  };
}

/** Whether all large parts have been built here; perhaps from other sources than today's. */
export function isBuilt(): boolean {
  const results = readdirSync(cache.built);
  return ["go-engine", "registry", "sdk"].every((name) => results.some((entry) => entry.startsWith(`${name}-`)));
}

/** Throws one error with all obstacles, if there are any. */
export function preflight(facts: HostFacts): void {
  const found = obstacles(facts);
  if (found.length === 0) return;
  throw new Error(`This host can't run the embedded Dagger engine:\n${list(found)}`);
}

/** Throws when there is too little space for what is going to be built besides. */
export function preflightSpace({ bytes, parts }: { bytes: number; parts?: string }): void {
  const facts = { cacheRoot: cacheRoot(), freeBytes: freeBytes() };
  if (facts.freeBytes >= bytes) return;
  throw new Error(tooLittleSpace(facts, bytes) + (parts ? ` They are for ${parts}.` : ""));
}

/** The same, for building Terraform's providers. */
export function preflightProviders(): void {
  // Node before 20.13 doesn't know a container's limit.
  const freeMemory = process.availableMemory?.() ?? freemem();
  const found = obstaclesToProviders({ cacheRoot: cacheRoot(), freeBytes: freeBytes(), freeMemory });
  if (found.length > 0) throw new Error(`This host can't build Terraform's providers:\n${list(found)}`);
}

const list = (found: string[]) => found.map((text) => `  - ${text}`).join("\n");

function onPath(command: string): boolean {
  return systemPath()
    .split(":")
    .some((folder) => existsSync(join(folder, command)));
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
    env: { ...process.env, PATH: systemPath() },
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
