// Layers of the images whose commands are Python packages.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { debianBase } from "../debian.js";
import { type Blob, keyOf, rootLayer, treeLayer } from "../images.js";
import { libraryPath, packagesPath, pythonLibrary, pythonPackages, pythonRoot } from "../python.js";
import { debianLayer } from "./parts.js";

/** Debian with Python and git. */
export async function pythonLayers(): Promise<Blob[]> {
  const library = await pythonLibrary();
  return [
    await debianLayer(),
    await rootLayer("python", {
      root: await pythonRoot(),
      base: await debianBase(),
      without: new RegExp(`^${libraryPath}/`),
    }),
    await treeLayer("python-library", { values: [keyOf(dirname(library))] }, async () => ({
      [libraryPath]: { copy: library },
    })),
  ];
}

/** The packages of embedded/python/<name> with one of their commands. */
export async function pythonCommand(name: string, command: string): Promise<Blob> {
  const packages = await pythonPackages(name);
  return await treeLayer(`python-${name}`, { values: [keyOf(dirname(packages)), command] }, async () => ({
    [packagesPath]: { copy: packages, without: /\/dist-packages\/bin$/ },
    [`/usr/local/bin/${command}`]: { text: script(join(packages, "bin", command)), mode: 0o755 },
  }));
}

/** A command's script, for the image's Python instead of the one that installed it. */
const script = (path: string) => readFileSync(path, "utf8").replace(/^#!.*/, "#!/usr/bin/python3");
