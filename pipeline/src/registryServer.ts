import { type Container, type Directory, dag, type File, type Service } from "@dagger.io/dagger";
import { imageFile } from "./imageFile.js";
import { images } from "./images.js";

const STORAGE = "/var/lib/registry";

/** A registry with these images in it, to be served by `serveRegistry`. */
export const registryWith = async (tarballs: Readonly<Record<string, File>>): Promise<Container> =>
  registryContainer().withDirectory(STORAGE, await filledStorage(tarballs));

export const serveRegistry = (registry: Container): Service =>
  registry.withExposedPort(5000).asService({ args: ["registry", "serve", "/etc/distribution/config.yml"] });

const registryContainer = () => dag.container().from(images.registry).withEnvVariable("OTEL_TRACES_EXPORTER", "none");

/**
 * A registry's storage with images pushed: made once for the same ones.
 *
 * @param tarballs by what they are called there, as `damekarv/helloworld:v0.1.0`
 */
async function filledStorage(tarballs: Readonly<Record<string, File>>): Promise<Directory> {
  let pusher = registryContainer().withFile("/crane", await imageFile(images.crane, "crane"));
  for (const [name, tarball] of Object.entries(tarballs))
    pusher = pusher.withMountedFile(`/images/${name}.tar`, tarball);
  const push = [
    "registry serve /etc/distribution/config.yml >/tmp/registry.log 2>&1 &",
    "server=$!",
    "until /crane catalog --insecure localhost:5000 >/dev/null 2>&1; do",
    '  kill -0 "$server" 2>/dev/null || { cat /tmp/registry.log >&2; exit 1; }',
    "  sleep 0.1",
    "done",
    "cd /images",
    "find . -name '*.tar' >/tmp/tarballs",
    "while read -r file; do",
    `  name=\${file#./}`,
    `  /crane push --insecure "$file" "localhost:5000/\${name%.tar}"`,
    "done </tmp/tarballs",
    'kill "$server"; wait',
  ];
  return pusher.withExec(["sh", "-euc", push.join("\n")]).directory(STORAGE);
}
