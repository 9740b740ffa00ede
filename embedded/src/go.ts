// Builds commands from Go modules. A wrapper module (embedded/go/<name>) names what to build in its `tool` lines and pins
// every version in go.mod and go.sum, because `go install package@version` refuses modules that have `replace` lines.
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { arch, availableParallelism, homedir, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { cache, embeddedDir } from "./cache.js";
import { $, type ProcessPromise } from "./shell.js";
import { built, builtPath, removeTree } from "./steps.js";

export type GoBuild = {
  /** The wrapper module: a folder in embedded/go. */
  module: string;
  /** What to build: import paths, or patterns such as ./cmd/x; default: the module's `tool` lines. */
  packages?: string[];
  tags?: string[];
  ldflags?: string;
  /** Module patterns whose checksum the checksum database can't give (GONOSUMDB); go.sum pins them all the same. */
  noSumDb?: string[];
  /** How many packages are compiled at once; default: one a core. For those that take gigabytes of memory each. */
  atOnce?: number;
  /** What it compiles fills a cache of its own, which goes once it is built: for gigabytes that nothing else would use. */
  ownCache?: boolean;
  /** Name of the result, when one module has more than one. */
  name?: string;
  title?: string;
};

/** Builds static commands and returns the folder that holds them. */
export async function goBuild(options: GoBuild): Promise<string> {
  const { module, atOnce, ownCache, title = `build ${module} from Go modules` } = options;
  const { name, inputs, packages, tags, ldflags } = resultOf(options);
  return await built(
    name,
    inputs,
    async (outDir, detail) => {
      // Go's working folder can hold gigabytes; here, those of a killed build go with it.
      const GOTMPDIR = join(outDir, ".work");
      await mkdir(GOTMPDIR);
      const GOCACHE = ownCache ? ownCacheOf(module) : cache.goBuild;
      const collection = atOnce ? {} : garbageCollection();
      const go = goIn(options, { ...collection, GOTMPDIR, GOCACHE });
      detail("downloading modules");
      const all = (await listPackages(options)).stdout.trim().split("\n");
      detail("compiling");
      // Without debug information, compiling takes an eighth less time and a fifth less disk; -s -w drops it anyway.
      const flags = ["-v", "-trimpath", "-gcflags=all=-dwarf=false", ...(atOnce ? [`-p=${atOnce}`] : [])];
      const build = go`go build ${flags} -tags ${tags.join(",")} -ldflags ${ldflags} -o ${outDir}/ ${packages}`;
      await counted(build, new Set(all), detail);
      await rm(GOTMPDIR, { recursive: true });
    },
    // Kept until the result is: a build that was interrupted, or whose result is not kept, goes on where it was.
    { title, afterwards: ownCache ? () => removeTree(ownCacheOf(module)) : undefined },
  );
}

/** Lists the packages of a build, and downloads the modules that they are in: unlike `go mod download`, no others. */
function listPackages(options: GoBuild, signal?: AbortSignal): ProcessPromise {
  const { packages, tags } = resultOf(options);
  return goIn(options)({ signal })`go list -deps -tags ${tags.join(",")} ${packages}`;
}

const ownCacheOf = (module: string) => `${cache.goBuild}-${module}`;

const folderOf = (module: string) => join(embeddedDir, "go", module);

/** Runs commands in a build's wrapper module. */
const goIn = ({ module, noSumDb = [] }: GoBuild, env: NodeJS.ProcessEnv = {}) =>
  $({ cwd: folderOf(module), env: { ...goEnvironment(noSumDb), ...env }, quiet: true });

/**
 * Downloads the modules of builds that are still to be made, while the compilers of the first have no use for the network.
 * What fails here fails once more when it is its turn, and is told then. Returns how to end it.
 */
export function downloadAhead(builds: GoBuild[]): () => void {
  const waiting = builds.filter((one) => !isGoBuilt(one));
  const end = new AbortController();
  const all = async () => {
    for (const one of waiting) {
      if (end.signal.aborted) return;
      await listPackages(one, end.signal).nothrow();
    }
  };
  all().catch(() => {});
  return () => end.abort();
}

/** Whether the commands of a module have been built already, from these sources. */
export function isGoBuilt(options: GoBuild): boolean {
  const { name, inputs } = resultOf(options);
  return existsSync(builtPath(name, inputs));
}

/** A build's result by name and inputs, with what it is left to default to. */
function resultOf({ module, packages = ["tool"], tags = [], ldflags = "-s -w", name = `go-${module}` }: GoBuild) {
  const inputs = { files: [folderOf(module)], values: [goVersion(), packages, tags, ldflags] };
  return { name, inputs, packages, tags, ldflags };
}

/** Waits for `go build -v`, which names each package that it compiles, and tells how many it has named. */
async function counted(build: ProcessPromise, all: Set<string>, detail: (text: string) => void) {
  let done = 0;
  createInterface(build.stderr).on("line", (line) => {
    if (all.has(line)) detail(`compiling: ${++done} of at most ${all.size} packages`);
  });
  const { exitCode, stderr } = await build.nothrow();
  if (exitCode === 0) return;
  const errors = stderr.split("\n").filter((line) => !all.has(line));
  throw new Error(`go build failed:\n${errors.join("\n").trim()}`);
}

/**
 * Compilers and linkers that collect garbage only when they reach their share of the memory: a fifth of a build's time (on 2
 * cores TFLint 178 → 147 s with GOGC=400, and etcd from there 67 → 62 s without). Half of the memory is theirs, shared by one a
 * core. Where that is too little, and for what takes gigabytes by itself, Go's default is better; what the caller's shell says
 * goes before.
 */
export function garbageCollection(memory = memoryLimit(), env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const share = Math.floor(memory / 2 ** 21 / availableParallelism());
  if (share < 1024 || env.GOGC || env.GOMEMLIMIT) return {};
  return { GOGC: "off", GOMEMLIMIT: `${share}MiB` };
}

/** This machine's memory, or the container's. */
function memoryLimit(): number {
  const limit = process.constrainedMemory?.();
  return Math.min(totalmem(), limit || Number.POSITIVE_INFINITY);
}

/** The Go on PATH: another compiler makes other binaries. Where there is none, nothing is built of it. */
let host: { version: string; root: string } | undefined;
function hostGo() {
  if (!host) {
    const env = goEnvironment();
    const lines = $.sync({ quiet: true, nothrow: true, env })`go env GOVERSION GOROOT`.stdout.split("\n");
    const [version = "", root = ""] = lines.map((line) => line.trim());
    host = { version, root };
  }
  return host;
}

/** This machine's processor, as Go, OCI images and Terraform call it. */
export const goArch = () => (arch() === "x64" ? "amd64" : arch());

export const goVersion = () => hostGo().version;
export const goRoot = () => hostGo().root;

/**
 * The environment for `go`: the host's, so that its proxies and checksum database are used, with every folder that `go`
 * writes to in the cache folder.
 */
export function goEnvironment(noSumDb: string[] = [], env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const hostNoSumDb = env.GONOSUMDB ?? env.GOPRIVATE ?? "";
  return {
    ...env,
    // The host's own settings (go env -w). Telemetry counters lie beside them, unless XDG_CONFIG_HOME says otherwise.
    GOENV: env.GOENV ?? join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "go", "env"),
    XDG_CONFIG_HOME: join(cache.goPath, "config"),
    GOPATH: cache.goPath,
    GOMODCACHE: cache.goMod,
    GOCACHE: cache.goBuild,
    GOTMPDIR: cache.tmp,
    GOBIN: "",
    GOFLAGS: "-mod=readonly -modcacherw -buildvcs=false",
    GOTOOLCHAIN: "local",
    // For this machine, whatever the shell is set to compile for.
    GOOS: "linux",
    GOARCH: goArch(),
    GOAMD64: "",
    GOARM64: "",
    GOEXPERIMENT: "",
    GOWORK: "off",
    CGO_ENABLED: "0",
    ...(noSumDb.length > 0 ? { GONOSUMDB: [hostNoSumDb, ...noSumDb].filter(Boolean).join(",") } : {}),
  };
}
