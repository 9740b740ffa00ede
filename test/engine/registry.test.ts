// The sample application in its private registry, and what looking a tag up says when it can't be found. Registries that
// misbehave are small servers of this file.
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { dag, type Service } from "@dagger.io/dagger";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { openSampleRegistry, sampleContainer, sampleRegistry } from "../../pipeline/src/app.js";
import { images } from "../../pipeline/src/images.js";
import { type AppRegistry, listTags, pullLogin, requireTag } from "../../pipeline/src/registry.js";
import { repository as root } from "./daggerw.js";
import { openSession } from "./session.js";

const { repository } = parse(readFileSync(join(root, "appManifests/values.yaml"), "utf8")).image as {
  repository: string;
};
const versions = Object.keys(JSON.parse(readFileSync(join(root, "test/app/versions.json"), "utf8")));
const source = () => dag.host().directory(root, { include: ["test/app"] });

let closeSession: () => Promise<void>;
let registry: AppRegistry;
const servers: Server[] = [];

beforeAll(async () => {
  closeSession = await openSession();
  registry = await sampleRegistry(source(), repository);
  await requireTag(registry, repository, "v0.1.0");
});

afterAll(async () => {
  await closeSession?.();
  for (const server of servers) server.closeAllConnections();
});

/** A server of this process, as a registry in the engine. */
async function fake(listener: RequestListener): Promise<AppRegistry> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return { host: "ghcr.io", service: dag.host().service([{ frontend: 5000, backend: port }]) };
}

/** A registry with one answer to everything, as the OCI specification writes errors. */
const answering = (status: number, code: string) => (): Promise<AppRegistry> =>
  fake((_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
  });

/** A registry as GHCR: it sends who asks to a place that gives tokens out, and that refuses. */
const withTokens = (status: number, code: string) => (): Promise<AppRegistry> =>
  fake((request, response) => {
    const refuses = request.url?.startsWith("/token");
    const challenge = 'Bearer realm="http://registry:5000/token",service="ghcr.io"';
    response.writeHead(refuses ? status : 401, refuses ? {} : { "www-authenticate": challenge });
    response.end(JSON.stringify({ errors: [{ code: refuses ? code : "UNAUTHORIZED", message: "denied" }] }));
  });

/** The text of the error, and that it came in time. */
async function refusal(of: AppRegistry, image = repository, tag = "v0.2.0", seconds = 15): Promise<string> {
  const started = Date.now();
  const error: Error = await requireTag(of, image, tag).then(
    () => Promise.reject(new Error(`${image}:${tag} was found`)),
    (refused) => refused,
  );
  expect(error.name).toBe("RegistryError");
  expect((Date.now() - started) / 1000).toBeLessThan(seconds);
  expect(error.message).not.toContain("registry:5000");
  return error.message;
}

describe("the sample application's registry", () => {
  it.each(versions)("has %s", async (tag) => {
    expect(await requireTag(registry, repository, tag)).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it("lists the tags, the newest first", async () => {
    expect(await listTags(registry, repository)).toEqual([...versions].sort().reverse());
  });

  it("is private, and open when that is asked for", async () => {
    const { host, service } = registry;
    expect(await refusal({ host, service })).toMatch(/401 Unauthorized\): it was asked without a log-in/);
    const open = await openSampleRegistry(source(), repository);
    expect(await requireTag(open, repository, "v0.2.0")).toMatch(/^sha256:/);
  });

  it("is filled once: another run with another password has the files that were pushed then", async () => {
    const pushedAt = async () => {
      const { container } = await sampleContainer(source(), repository);
      return await dag
        .container()
        .from(images.busybox)
        .withDirectory("/registry", container.directory("/var/lib/registry"))
        .withExec(["sh", "-c", "find /registry -type f -exec stat -c '%n %y' {} + | sort"])
        .stdout();
    };
    const before = await pushedAt();
    expect(before).toContain("/blobs/sha256/");
    const another = await sampleRegistry(source(), repository);
    expect(await another.password?.plaintext()).not.toBe(await registry.password?.plaintext());
    await requireTag(another, repository, "v0.2.0");
    expect(await pushedAt()).toBe(before);
  });

  it("serves images that run as a user without rights, and answer with their version", async () => {
    const { service } = await openSampleRegistry(source(), repository);
    const pulled = dag
      .container()
      .from(images.crane)
      .withServiceBinding("registry", service as Service)
      .withExec([
        "crane",
        "pull",
        "--insecure",
        repository.replace(/^[^/]+/, "registry:5000").concat(":v0.2.0"),
        "/image",
      ])
      .file("/image");
    const image = dag.container().import_(pulled);
    expect(await image.user()).toBe("65532:65532");
    expect(await image.entrypoint()).toEqual(["/helloworld"]);
    expect(await image.rootfs().glob("**")).toEqual(["helloworld"]);
    const answer = dag
      .container()
      .from(images.busybox)
      .withServiceBinding("app", image.withExposedPort(8080).asService({ useEntrypoint: true }))
      .withEnvVariable("NOW", new Date().toISOString())
      .withExec(["wget", "-qO-", "http://app:8080/"]);
    expect(await answer.stdout()).toBe("helloworld v0.2.0\n");
  });

  it("takes a password out of a file with a line end, as the pull secret does", async () => {
    const text = `${await registry.password?.plaintext()}\n`;
    const fromFile = { ...registry, password: dag.setSecret("password-of-a-file", text) };
    expect(await requireTag(fromFile, repository, "v0.2.0")).toMatch(/^sha256:/);
    expect((await pullLogin(fromFile))?.password).toBe(await registry.password?.plaintext());
  });
});

describe("a tag that can't be found", () => {
  it("names the tags that there are", async () => {
    expect(await refusal(registry, repository, "v7.0.0")).toBe(
      `ghcr.io has no ${repository}:v7.0.0: there is no such tag. The newest that it has: v0.9.4, v0.9.3, v0.9.2, v0.9.1, v0.9.0, v0.2.0, v0.1.0. ` +
        "That is the registry of this run, which has the sample application (test/app) under the image's name. `ci` and `promote` " +
        "take the real image with --registry-username and --registry-password.",
    );
  });

  it("says that it is the whole repository that is missing", async () => {
    const error = await refusal(registry, "ghcr.io/damekarv/heloworld");
    expect(error).toBe("ghcr.io has no repository ghcr.io/damekarv/heloworld.");
  });

  it("says what to do about a wrong password, and doesn't show it", async () => {
    const wrong = { ...registry, password: dag.setSecret("wrong", "wrong-password-1234") };
    const error = await refusal(wrong);
    expect(error).toMatch(
      /401 Unauthorized\): the user's name or the token is wrong.*GHCR_PAT.*read:packages.*ghcr-secret/,
    );
    expect(error).not.toContain("wrong-password-1234");
  });

  it.concurrent.each([
    ["a token that is refused", withTokens(401, "UNAUTHORIZED"), /^ghcr\.io refuses .*401 Unauthorized.*ghcr-secret/],
    ["a token without the right", withTokens(403, "DENIED"), /^ghcr\.io refuses .*403 Forbidden.*read:packages/],
    ["403", answering(403, "DENIED"), /^ghcr\.io refuses .*403 Forbidden/],
    ["too many requests", answering(429, "TOOMANYREQUESTS"), /^ghcr\.io has had too many requests .*429/],
    ["a registry that is out of order", answering(503, "UNAVAILABLE"), /^Asking ghcr\.io for .* failed: .*UNAVAILABLE/],
    ["a host that is no registry", answering(404, "NOTHING_HERE"), /^Asking ghcr\.io for .* failed: .*NOTHING_HERE/],
    ["a host that hangs up", () => fake((request) => request.socket.destroy()), /^ghcr\.io does not answer/],
    ["a host that says nothing", () => fake(() => {}), /^ghcr\.io does not answer .*no answer within 15 s/],
  ])("explains %s", async (_, make, message) => {
    expect(await refusal(await make(), repository, "v4.0.3", 30)).toMatch(message);
  });

  it.each([
    ["localhost:1", /^localhost:1 does not answer .*connection refused/],
    ["registry.invalid", /^registry\.invalid does not answer .*(no such host|server misbehaving|connection refused)/],
  ])("says in seconds that %s is not there", async (host, message) => {
    expect(await refusal({ host }, `${host}/damekarv/helloworld`)).toMatch(message);
  });

  it("says that a stand-in which ends at once does not start", async () => {
    const service = dag
      .container()
      .from(images.busybox)
      .withExposedPort(5000)
      .asService({ args: ["false"] });
    expect(await refusal({ host: "ghcr.io", service })).toMatch(
      /^The registry that stands for ghcr\.io does not start/,
    );
  });
});
