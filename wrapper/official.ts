// The official Dagger CLI at the pinned version: downloaded once, checked, and kept in the cache folder.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { locked } from "../scripts/lock.mjs";
import { cacheEntry, ownFolder } from "./cache.js";
import { findOnPath } from "./probe.js";
import { UserError } from "./types.js";

const OFFICIAL_HOST = "https://dl.dagger.io/dagger/releases";
const ATTEMPTS = 3;
/** A download that brings nothing for this long has failed. */
const STALL_MS = 30_000;

export interface OfficialOptions {
  /** Without the v. */
  version: string;
  cache: string;
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
  /** Pinned digests: of a version, by platform. */
  pins: Record<string, string>;
  signal?: AbortSignal;
  /** Between two attempts. */
  retryMs?: number;
}

/** The platform as it is written in the names of the official archives. */
export function platformName(os: NodeJS.Platform = platform(), cpu: string = arch()): string {
  const osName = { linux: "linux", darwin: "darwin" }[os as string];
  const cpuName = { x64: "amd64", arm64: "arm64", arm: "armv7" }[cpu];
  if (!osName || !cpuName) {
    throw new UserError(
      `There is no official Dagger CLI for ${os} on ${cpu} that daggerw can use${os === "win32" ? ": use WSL" : ""}.`,
    );
  }
  return `${osName}_${cpuName}`;
}

export const officialPath = (cache: string, version: string) =>
  join(cache, "cli", `dagger_v${version}_${platformName()}`, "dagger");

export function isCached(cache: string, version: string): boolean {
  try {
    accessSync(officialPath(cache, version), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function readPins(root: string, version: string): Record<string, string> {
  const pins = JSON.parse(readFileSync(join(root, "wrapper", "checksums.json"), "utf8"));
  return pins[version] ?? {};
}

/** The path of the CLI, which is downloaded if it isn't there yet. */
export async function official(options: OfficialOptions): Promise<string> {
  const { version, cache, say } = options;
  const path = officialPath(ownFolder(cache), version);
  if (isCached(cache, version)) return path;
  return await locked(
    join(cacheEntry(cache, "locks"), "official.lock"),
    async () => {
      cacheEntry(cache, "cli");
      if (!isCached(cache, version)) await download(path, options);
      return path;
    },
    {
      onWait: (holder) => say(`waiting for ${holder}, which is downloading the Dagger CLI …`),
      signal: options.signal,
    },
  );
}

async function download(path: string, options: OfficialOptions): Promise<void> {
  const { version, say, pins, env } = options;
  const base = (env.DAGGERW_DOWNLOAD_URL || OFFICIAL_HOST).replace(/\/+$/, "");
  const name = `dagger_v${version}_${platformName()}.tar.gz`;
  const url = `${base}/${version}/${name}`;
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  // What an earlier download left when it was killed: this one holds the lock, so it's nobody's now.
  for (const entry of readdirSync(folder)) rmSync(join(folder, entry), { recursive: true, force: true });

  const temporary = join(folder, `.download-${process.pid}`);
  try {
    say(`downloading ${url} …`);
    const started = Date.now();
    const checksums = await fetchBytes(`${base}/${version}/checksums.txt`, temporary, options);
    const archive = await fetchBytes(url, temporary, options);
    verify(archive, name, checksums.toString("utf8"), pins[platformName()], base);
    const binary = fileInTar(await promisify(gunzip)(archive), "dagger");
    if (!binary) throw new UserError(`${url} holds no file "dagger". Is DAGGERW_DOWNLOAD_URL right?`);

    const file = await open(temporary, "w", 0o755);
    try {
      await file.writeFile(binary);
      await file.sync();
    } finally {
      await file.close();
    }
    options.signal?.throwIfAborted();
    await rename(temporary, path);
    say(
      `downloaded and verified ${(archive.length / 1e6).toFixed(1)} MB in ${((Date.now() - started) / 1000).toFixed(1)} s`,
    );
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function verify(archive: Buffer, name: string, checksums: string, pin: string | undefined, base: string): void {
  const actual = createHash("sha256").update(archive).digest("hex");
  const listed = checksums
    .split("\n")
    .map((line) => line.trim().split(/\s+\*?/))
    .find(([, file]) => file === name)?.[0];
  const refuse = (why: string) => {
    throw new UserError(
      `${name} from ${base} was refused, nothing was installed: ${why}.\nThe download was damaged or tampered with: try again, then check DAGGERW_DOWNLOAD_URL and any proxy in between.`,
    );
  };
  if (!listed) refuse("checksums.txt doesn't list it");
  if (listed !== actual) refuse(`its SHA-256 is ${actual}, checksums.txt says ${listed}`);
  if (pin && pin !== actual) refuse(`its SHA-256 is ${actual}, wrapper/checksums.json says ${pin}`);
}

const PROXIES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/** Bytes of a URL, with more than one attempt at what may be a passing trouble. */
async function fetchBytes(url: string, temporary: string, options: OfficialOptions): Promise<Buffer> {
  const { env, signal, say, retryMs = 1_000 } = options;
  const curl = PROXIES.some((name) => env[name]) ? findOnPath("curl", env) : undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      // Node 20's fetch knows no proxies; curl does.
      return curl ? await curlBytes(curl, url, temporary, options) : await fetchOnce(url, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const { message, final } = explain(error);
      if (final || attempt >= ATTEMPTS) {
        throw new UserError(
          `Can't download ${url}: ${message}.\n${[
            "What helps:",
            "  - on a machine without that network: DAGGERW_DOWNLOAD_URL=<a mirror of https://dl.dagger.io/dagger/releases>",
            "  - a dagger of the pinned version on PATH",
            "  - DAGGERW=embedded, which makes the CLI and engine from source (Linux, root, Go)",
          ].join("\n")}`,
        );
      }
      say(`${message}, trying again …`);
      await new Promise((done) => setTimeout(done, retryMs * attempt));
    }
  }
}

class HttpError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`HTTP status ${status}`);
    this.status = status;
  }
}

function explain(error: unknown): { message: string; final: boolean } {
  if (error instanceof HttpError) return { message: error.message, final: error.status < 500 && error.status !== 429 };
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  const message = cause?.message || cause?.code || (error instanceof Error ? error.message : String(error));
  // A name that isn't known, or a port that nobody listens on, won't be there a second later.
  return { message, final: ["ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN"].includes(cause?.code ?? "") };
}

async function fetchOnce(url: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const either = new AbortController();
  const interrupt = () => either.abort(signal?.reason);
  signal?.addEventListener("abort", interrupt);
  const stall = () => either.abort(new Error(`no data for ${STALL_MS / 1000} s`));
  let timer = setTimeout(stall, STALL_MS);
  try {
    const response = await fetch(url, { signal: either.signal });
    if (!response.ok || !response.body) throw new HttpError(response.status);
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(stall, STALL_MS);
    }
    const bytes = Buffer.concat(chunks);
    const announced = Number(response.headers.get("content-length") ?? bytes.length);
    if (bytes.length !== announced && !response.headers.has("content-encoding")) {
      throw new Error(`the connection ended after ${bytes.length} of ${announced} bytes`);
    }
    return bytes;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", interrupt);
  }
}

async function curlBytes(curl: string, url: string, file: string, { env, signal }: OfficialOptions): Promise<Buffer> {
  const args = ["-fsSL", "--connect-timeout", "15", "--speed-time", `${STALL_MS / 1000}`, "--speed-limit", "1"];
  await new Promise<void>((done, fail) => {
    const child = spawn(curl, [...args, "-o", file, url], { env, signal, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    child.once("error", fail);
    child.once("close", (code) => (code === 0 ? done() : fail(new Error(said.trim() || `curl ended with ${code}`))));
  });
  const bytes = await readFile(file);
  await rm(file, { force: true });
  return bytes;
}

/** One file of a tar archive (the official ones are plain: a few files with short names). */
export function fileInTar(tar: Buffer, wanted: string): Buffer | undefined {
  const text = (offset: number, length: number) => {
    const field = tar.subarray(offset, offset + length);
    const end = field.indexOf(0);
    return field.toString("utf8", 0, end < 0 ? length : end);
  };
  for (let offset = 0; offset + 512 <= tar.length && tar[offset] !== 0; ) {
    const size = Number.parseInt(text(offset + 124, 12).trim(), 8);
    const type = text(offset + 156, 1);
    if (!Number.isInteger(size)) return undefined;
    const isFile = type === "0" || type === "";
    const content = offset + 512;
    if (isFile && text(offset, 100).replace(/^\.\//, "") === wanted) return tar.subarray(content, content + size);
    offset = content + Math.ceil(size / 512) * 512;
  }
  return undefined;
}
