// Raises what the wrapper modules of one list require to the same versions: what has the same version, and so have all that it
// imports, is compiled once for all of them (Kubernetes' client libraries alone take minutes).
//
//   npm run align-go
//
// Run it after changing a version in one of their go.mod, then `npm run test:unit`. It needs Go and the module proxy.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { $ } from "zx";

/**
 * Folders in embedded/go. Not among them: what must be of an older version of Kubernetes' libraries (kubernetes itself,
 * kube-router, traefik, external-secrets, the providers), what would change with a newer SDK (terraform), and what replaces
 * modules or shares little (engine, etcd).
 */
export const aligned = ["tools", "tflint", "metrics-server", "flagger", "prometheus", "flux"];

/** Left as each module has it: a candidate for a release, whose interface changes from one to the next. */
export const notAligned = ["go.yaml.in/yaml/v4"];

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "embedded", "go");

type Module = { Require?: { Path: string }[] };

/** The modules that a wrapper module requires, and shares with others. */
async function requiredBy(name: string): Promise<string[]> {
  const { stdout } = await $({ cwd: join(folder, name), env: outside })`go mod edit -json`;
  const all = ((JSON.parse(stdout) as Module).Require ?? []).map(({ Path }) => Path);
  return all.filter((path) => !notAligned.includes(path));
}

const outside = { ...process.env, GOWORK: "off", GOFLAGS: "-mod=mod" };

/** The versions that Go selects when it builds all of them together: the highest that any asks for. */
async function selected(paths: string[]): Promise<Map<string, string>> {
  const temporary = mkdtempSync(join(tmpdir(), "align-go-"));
  try {
    const workspace = join(temporary, "go.work");
    const uses = aligned.map((name) => `\t${join(folder, name)}\n`).join("");
    const { stdout: version } = await $`go env GOVERSION`;
    writeFileSync(workspace, `go ${version.trim().replace("go", "")}\n\nuse (\n${uses})\n`);
    const format = "{{.Path}} {{with .Replace}}{{.Version}}{{else}}{{.Version}}{{end}}";
    const env = { ...process.env, GOWORK: workspace, GOFLAGS: "" };
    const { stdout } = await $({ env, cwd: join(folder, "tools") })`go list -m -f ${format} ${paths}`;
    return new Map(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ") as [string, string]),
    );
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

async function align(): Promise<boolean> {
  const required = new Map<string, string[]>();
  for (const name of aligned) required.set(name, await requiredBy(name));
  const versions = await selected([...new Set([...required.values()].flat())]);
  let changed = false;
  for (const [name, paths] of required) {
    const go = $({ cwd: join(folder, name), env: outside });
    const text = () => readFileSync(join(folder, name, "go.mod"), "utf8");
    const before = text();
    await go`go mod edit ${paths.map((path) => `-require=${path}@${versions.get(path)}`)}`;
    await go`go mod tidy`;
    if (text() !== before) changed = true;
  }
  return changed;
}

// What a newer version requires can be new to a module, and newer than what the others have.
const calledDirectly = import.meta.url === pathToFileURL(process.argv[1] ?? "").href;
if (calledDirectly) while (await align()) console.log("Versions were raised: looking once more.");
