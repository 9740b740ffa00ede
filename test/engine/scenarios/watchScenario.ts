/** Watching a registry that behaves as GHCR does: tokens, pages, limits (ghcr.py). */

import { type Directory, dag, type Service } from "@dagger.io/dagger";
import { openSampleRegistry } from "./app.js";
import type { Note } from "./cases.js";
import { environment } from "./environments.js";
import { uncached } from "./exec.js";
import { images } from "./images.js";
import type { AppRegistry } from "./registry.js";
import { EXCEPT_TAGS, setTag } from "./release.js";
import { imageRepository } from "./releaseFile.js";
import { watchRegistry } from "./watchRegistry.js";

const dev = environment("dev");
const USERNAME = "somebody";
const PASSWORD = "ghp_0123456789abcdef";

export async function watchCases(source: Directory, note: Note): Promise<void> {
  const repository = await imageRepository(source, dev);
  const { service: upstream } = await openSampleRegistry(source, repository);
  if (!upstream) throw new Error("the sample registry is no service");
  await upstream.start();
  await tagAlso(upstream, repository, ["latest", "2.0.0", "v1.0.0-rc.1"]);
  const registry = (env: Record<string, string> = {}, password?: string) => ghcr(upstream, env, password);
  const watch = (of: AppRegistry, except: string[] = [], from = source, log = (_: string) => {}) =>
    watchRegistry(from, dev, except, of, log);

  const lines: string[] = [];
  const good = registry();
  await note("newest", () => watch(good, [], source, (line) => lines.push(line)));
  await note("log", async () => lines.join("\n"));
  await note("lists", async () => {
    const url = await good.service?.endpoint({ scheme: "http" });
    return (await fetch(`${url}/lists`)).text();
  });
  const failed = ["v0.9.0", "v0.9.1", "v0.9.2", "v0.9.3", "v0.9.4"];
  await note("except", () => watch(good, failed));
  const file = await source.file(dev.releaseFile).contents();
  const annotated = file.replace(/^metadata:$/m, `metadata:\n  annotations:\n    ${EXCEPT_TAGS}: ${failed.join(", ")}`);
  await note("annotation", () => watch(good, [], source.withNewFile(dev.releaseFile, annotated)));
  const released = source.withNewFile(dev.releaseFile, setTag(file, "v0.9.4", dev.releaseFile));
  await note("nothing", async () => `"${await watch(good, [], released)}"`);

  const busy = async () => {
    const started = Date.now();
    const tag = await watch(registry({ BUSY: "4", RETRY_AFTER: "3" })); // crane alone asks three times, in 4 s
    return Date.now() - started < 7000 ? "too early" : tag;
  };
  const { host, service } = good;
  // Each asks a registry of its own, and most of it is waiting.
  await Promise.all([
    note("busy", busy),
    note("busy for long", () => watch(registry({ BUSY: "9", RETRY_AFTER: "3600" }))),
    note("wrong token", () => watch(registry({}, "wrong-password-1234"))),
    note("may not read", () => watch(registry({ MAY_READ: "0" }))),
    note("no token", () => watch({ host, service })),
    note("public", () => watch({ host, service: registry({ PUBLIC: "1" }).service })),
  ]);
}

async function tagAlso(registry: Service, repository: string, tags: readonly string[]): Promise<void> {
  const image = `${repository.replace(/^[^/]+/, "registry:5000")}:v0.2.0`;
  const crane = uncached(dag.container().from(images.crane)).withServiceBinding("registry", registry);
  const script = tags.map((tag) => `crane tag --insecure ${image} ${tag}`).join(" && ");
  await crane.withExec(["sh", "-c", script]).sync();
}

let number = 0;

function ghcr(upstream: Service, env: Record<string, string>, password = PASSWORD): AppRegistry {
  let container = dag
    .container()
    .from(images.moto)
    .withFile("/ghcr.py", dag.currentModule().source().file("src/ghcr.py"))
    .withServiceBinding("upstream", upstream)
    .withExposedPort(5000);
  const id = `${Date.now()}-${number++}`;
  for (const [name, value] of Object.entries({ ...env, USERNAME, PASSWORD, ID: id }))
    container = container.withEnvVariable(name, value);
  return {
    host: "ghcr.io",
    service: container.asService({ args: ["python3", "-u", "/ghcr.py"] }),
    username: USERNAME,
    password: dag.setSecret(`token-${id}`, password),
  };
}
