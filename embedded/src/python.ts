// Commands from Python packages, installed by pip from its index. Each folder in embedded/python pins every version and its
// hashes in requirements.txt. Python and pip are Debian's, but run outside of their root: so pip finds the host's settings,
// certificates and folders where they are, and nothing has to be installed on the host.
import { existsSync, readdirSync } from "node:fs";
import { arch } from "node:os";
import { dirname, join } from "node:path";
import { cache, embeddedDir } from "./cache.js";
import { debianRoot } from "./debian.js";
import { keyOf } from "./images.js";
import { $ } from "./shell.js";
import { built, builtPath } from "./steps.js";

/** trixie's. */
const python = "python3.13";

/** Where Debian's Python looks for packages that aren't Debian's, and where its own library is. */
export const packagesPath = `/usr/local/lib/${python}/dist-packages`;
export const libraryPath = `/usr/lib/${python}`;

/** A Debian root with Python; checkov wants git, too. */
export const pythonRoot = () => debianRoot("python", ["ca-certificates", "git", "python3", "python3-pip-whl"]);

const requirementsOf = (name: string) => join(embeddedDir, "python", name, "requirements.txt");
const inputsOf = (name: string) => ({ files: [requirementsOf(name)], values: [python] });

/** Whether the packages of embedded/python/<name> are installed already. */
export const isPythonBuilt = (name: string) => existsSync(builtPath(`python-${name}`, inputsOf(name)));

/** The packages of embedded/python/<name>, ready to lie at `packagesPath`. */
export async function pythonPackages(name: string): Promise<string> {
  const result = await built(
    `python-${name}`,
    inputsOf(name),
    async (outDir, detail) => {
      detail("Debian's Python");
      const root = await pythonRoot();
      const to = join(outDir, "packages");
      const wheels = join(root, "usr/share/python-wheels");
      const pip = readdirSync(wheels).find((name) => /^pip-.*\.whl$/.test(name)) ?? "";
      detail("downloading and installing");
      const options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", "--target", to];
      await run(root, [join(wheels, pip, "pip"), "install", "--quiet", ...options, "-r", requirementsOf(name)]);
      detail("compiling");
      await compile(root, to, packagesPath);
    },
    { title: `install ${name} from Python packages` },
  );
  return join(result, "packages");
}

/** Python's own library, compiled anew: what Debian compiled is bound to times that layers don't keep. */
export async function pythonLibrary(): Promise<string> {
  const root = await pythonRoot();
  const result = await built(
    "python-library",
    { values: [keyOf(dirname(root))] },
    async (outDir) => {
      const to = join(outDir, "library");
      await $({ quiet: true })`cp -a --reflink=auto ${join(root, libraryPath)} ${to}`;
      await compile(root, to, libraryPath);
    },
    { quiet: true },
  );
  return join(result, "library");
}

/** Compiles a folder's modules so that they hold whatever times the files get. */
async function compile(root: string, folder: string, path: string) {
  const options = ["-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", path];
  // It fails for files that are no Python 3, such as templates and tests of other versions; those stay as they are.
  await run(root, ["-m", "compileall", ...options, folder]).nothrow();
}

/** Runs the root's Python on this host's own file system. */
function run(root: string, args: string[]) {
  const [triplet, loader] =
    arch() === "arm64"
      ? ["aarch64-linux-gnu", "usr/lib/ld-linux-aarch64.so.1"]
      : ["x86_64-linux-gnu", "usr/lib64/ld-linux-x86-64.so.2"];
  const env = {
    ...process.env,
    PYTHONHOME: join(root, "usr"),
    PYTHONPATH: "",
    PYTHONDONTWRITEBYTECODE: "1",
    PIP_CACHE_DIR: cache.pip,
  };
  const library = join(root, "usr/lib", triplet);
  return $({
    quiet: true,
    env,
    cwd: "/",
  })`${join(root, loader)} --library-path ${library} ${join(root, "usr/bin", python)} ${args}`;
}
