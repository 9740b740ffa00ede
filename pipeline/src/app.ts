import { randomBytes, randomUUID } from "node:crypto";
import { type Container, type Directory, dag, type File } from "@dagger.io/dagger";
import { images } from "./images.js";
import type { AppRegistry } from "./registry.js";
import { registryWith, serveRegistry } from "./registryServer.js";

/** Who pulls from the throwaway registry. */
const USERNAME = "pipeline";

/** What the sample application's tags do: the table in test/app/versions.json. */
type Versions = Record<string, { fault: string; about: string }>;

/**
 * A registry with the sample application under the real image's name, from which everybody may pull.
 *
 * @param released tags that it has as good versions besides those of the table: release files name what the real image has
 */
export async function openSampleRegistry(
  source: Directory,
  repository: string,
  released: readonly string[] = [],
): Promise<AppRegistry> {
  const { host, container } = await sampleContainer(source, repository, released);
  return { host, service: serveRegistry(container), isSample: true };
}

/**
 * A registry with the sample application under the real image's name, private as GHCR is: basic authentication with a
 * password that is made for this run.
 *
 * @param repository the image's name, such as `ghcr.io/damekarv/helloworld`
 * @param released as for `openSampleRegistry`
 */
export async function sampleRegistry(
  source: Directory,
  repository: string,
  released: readonly string[] = [],
): Promise<AppRegistry> {
  const password = randomBytes(18).toString("base64url");
  // Loaded here: only runs with a throwaway registry need it.
  const { hashSync } = await import("bcryptjs");
  const htpasswd = `${USERNAME}:${hashSync(password, 4)}\n`;
  const id = randomUUID();
  const { host, container } = await sampleContainer(source, repository, released);
  const service = serveRegistry(
    container
      .withEnvVariable("REGISTRY_AUTH", "htpasswd")
      .withEnvVariable("REGISTRY_AUTH_HTPASSWD_REALM", "throwaway")
      .withEnvVariable("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd")
      .withMountedSecret("/auth/htpasswd", dag.setSecret(`htpasswd-${id}`, htpasswd)),
  );
  const secret = dag.setSecret(`registry-password-${id}`, password);
  return { host, service, isSample: true, username: USERNAME, password: secret };
}

/** The registry without its authentication: filled once for the same images, whatever the password. */
export async function sampleContainer(source: Directory, repository: string, released: readonly string[] = []) {
  const [host = "", ...path] = repository.split("/");
  return { host, container: await registryWith(await sampleImages(source, path.join("/"), released)) };
}

/** Every version of test/app, by its name in the registry. */
async function sampleImages(
  source: Directory,
  path: string,
  released: readonly string[],
): Promise<Record<string, File>> {
  const app = source.directory("test/app");
  const versions = JSON.parse(await app.file("versions.json").contents()) as Versions;
  const binary = build(app);
  const faults = Object.entries(faultsOf(versions, released));
  return Object.fromEntries(faults.map(([tag, fault]) => [`${path}:${tag}`, image(binary, tag, fault).asTarball()]));
}

/** What each tag does wrong: nothing, where a release file has it, for that is a tag of the real application. */
export const faultsOf = (versions: Versions, released: readonly string[]): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(versions).map(([tag, { fault }]) => [tag, fault])),
  ...Object.fromEntries(released.map((tag) => [tag, ""])),
});

/**
 * The application as a static binary. Go's own cache would not be shared: a cache volume belongs to one module, and makes what
 * is built with it that module's too.
 */
function build(app: Directory): File {
  return dag
    .container()
    .from(images.golang)
    .withMountedDirectory("/app", app.filter({ include: ["*.go", "go.mod"], exclude: ["*_test.go"] }))
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
