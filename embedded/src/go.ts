// Builds commands from Go modules. A wrapper module (embedded/go/<name>) names what to build in its `tool` lines and pins
// every version in go.mod and go.sum, because `go install package@version` refuses modules that have `replace` lines.
import { homedir } from "node:os";
import { join } from "node:path";
import { $ } from "zx";
import { cache, embeddedDir } from "./cache.js";
import { built } from "./steps.js";

export type GoBuild = {
  /** The wrapper module: a folder in embedded/go. */
  module: string;
  /** What to build: import paths, or patterns such as ./cmd/x; default: the module's `tool` lines. */
  packages?: string[];
  tags?: string[];
  ldflags?: string;
  /** Module patterns whose checksum the checksum database can't give (GONOSUMDB); go.sum pins them all the same. */
  noSumDb?: string[];
  /** Name of the result, when one module has more than one. */
  name?: string;
  title?: string;
};

/** Builds static commands and returns the folder that holds them. */
export async function goBuild(options: GoBuild): Promise<string> {
  const { module, packages = ["tool"], tags = [], ldflags = "-s -w", noSumDb = [], name = `go-${module}` } = options;
  const dir = join(embeddedDir, "go", module);
  const inputs = { files: [dir], values: [goVersion(), packages, tags, ldflags] };
  const title = options.title ?? `build ${module} from Go modules`;
  return await built(
    name,
    inputs,
    async (outDir, detail) => {
      const go = $({ cwd: dir, env: goEnvironment(noSumDb), quiet: true });
      detail("downloading modules");
      await go`go list -deps -tags ${tags.join(",")} ${packages}`; // Unlike `go mod download`, only what is needed.
      detail("compiling");
      // Without debug information, compiling takes an eighth less time and a fifth less disk; -s -w drops it anyway.
      await go`go build -trimpath -gcflags=all=-dwarf=false -tags ${tags.join(",")} -ldflags ${ldflags} -o ${outDir}/ ${packages}`;
    },
    { title },
  );
}

/** The Go on PATH: another compiler makes other binaries. */
let host: { version: string; root: string } | undefined;
function hostGo() {
  if (!host) {
    const env = goEnvironment();
    const lines = $.sync({ quiet: true, env })`go env GOVERSION GOROOT`.stdout.split("\n");
    const [version = "", root = ""] = lines.map((line) => line.trim());
    host = { version, root };
  }
  return host;
}

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
    GOWORK: "off",
    CGO_ENABLED: "0",
    ...(noSumDb.length > 0 ? { GONOSUMDB: [hostNoSumDb, ...noSumDb].filter(Boolean).join(",") } : {}),
  };
}
