import { randomBytes, randomUUID } from "node:crypto";
import { type Container, type Directory, dag, type File } from "@dagger.io/dagger";
import { imageFile } from "./imageFile.js";
import { images } from "./images.js";
import type { AppRegistry } from "./registry.js";

/** Who pulls from the throwaway registry. */
const USERNAME = "pipeline";
const STORAGE = "/var/lib/registry";

/** What the sample application's tags do: the table in test/app/versions.json. */
type Versions = Record<string, { fault: string; about: string }>;

/** A registry with the sample application under the real image's name, from which everybody may pull. */
export async function openSampleRegistry(source: Directory, repository: string): Promise<AppRegistry> {
  const { host, container } = await sampleContainer(source, repository);
  return { host, service: serve(container) };
}

/**
 * A registry with the sample application under the real image's name, private as GHCR is: basic authentication with a
 * password that is made for this run.
 *
 * @param repository the image's name, such as `ghcr.io/damekarv/helloworld`
 */
export async function sampleRegistry(source: Directory, repository: string): Promise<AppRegistry> {
  const password = randomBytes(18).toString("base64url");
  // Loaded here: only runs with a throwaway registry need it.
  const { hashSync } = await import("bcryptjs");
  const htpasswd = `${USERNAME}:${hashSync(password, 4)}\n`;
  const id = randomUUID();
  const { host, container } = await sampleContainer(source, repository);
  const service = serve(
    container
      .withMountedSecret("/auth/htpasswd", dag.setSecret(`htpasswd-${id}`, htpasswd))
      .withEnvVariable("REGISTRY_AUTH", "htpasswd")
      .withEnvVariable("REGISTRY_AUTH_HTPASSWD_REALM", "throwaway")
      .withEnvVariable("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd"),
  );
  return { host, service, username: USERNAME, password: dag.setSecret(`registry-password-${id}`, password) };
}

async function sampleContainer(source: Directory, repository: string) {
  const [host = "", ...path] = repository.split("/");
  const storage = await filledStorage(source, path.join("/"));
  return { host, container: registryContainer().withDirectory(STORAGE, storage) };
}

const serve = (registry: Container) =>
  registry.withExposedPort(5000).asService({ args: ["registry", "serve", "/etc/distribution/config.yml"] });

const registryContainer = () => dag.container().from(images.registry).withEnvVariable("OTEL_TRACES_EXPORTER", "none");

/** The registry's storage with every version pushed: made once for each state of test/app. */
async function filledStorage(source: Directory, path: string): Promise<Directory> {
  const app = source.directory("test/app");
  const versions = JSON.parse(await app.file("versions.json").contents()) as Versions;
  const binary = build(app);
  let pusher = registryContainer().withFile("/crane", await imageFile(images.crane, "crane"));
  for (const [tag, { fault }] of Object.entries(versions)) {
    pusher = pusher.withFile(`/images/${tag}.tar`, image(binary, tag, fault).asTarball());
  }
  const push = [
    "registry serve /etc/distribution/config.yml >/tmp/registry.log 2>&1 &",
    "server=$!",
    "until /crane catalog --insecure localhost:5000 >/dev/null 2>&1; do",
    '  kill -0 "$server" 2>/dev/null || { cat /tmp/registry.log >&2; exit 1; }',
    "  sleep 0.1",
    "done",
    "for file in /images/*.tar; do",
    `  /crane push --insecure "$file" "localhost:5000/${path}:$(basename "$file" .tar)"`,
    "done",
    'kill "$server"; wait',
  ];
  return pusher.withExec(["sh", "-euc", push.join("\n")]).directory(STORAGE);
}

/** The application as a static binary. */
function build(app: Directory): File {
  return dag
    .container()
    .from(images.golang)
    .withMountedDirectory("/app", app.filter({ include: ["*.go", "go.mod"], exclude: ["*_test.go"] }))
    .withMountedCache("/go-build", dag.cacheVolume("sample-app-go-build"))
    .withEnvVariable("GOCACHE", "/go-build")
    .withEnvVariable("CGO_ENABLED", "0")
    .withWorkdir("/app")
    .withExec(["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", "/helloworld", "."])
    .file("/helloworld");
}

function image(binary: File, tag: string, fault: string): Container {
  return dag
    .container()
    .withFile("/helloworld", binary)
    .withUser("65532:65532")
    .withEnvVariable("APP_VERSION", tag)
    .withEnvVariable("APP_FAULT", fault)
    .withExposedPort(8080)
    .withEntrypoint(["/helloworld"]);
}
