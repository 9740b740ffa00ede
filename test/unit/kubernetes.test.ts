import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Cluster, connect } from "../../pipeline/src/kubernetes.js";
import { checkHttp } from "../../pipeline/src/probe.js";
import { kubeconfig, TOKEN } from "../fixtures/kubeconfig.js";
import { pod, readyPod } from "../fixtures/kubernetes.js";

// The client library's HTTP layer needs a newer Node than the oldest one that the rest of the repository runs on.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const libraryRuns = major > 22 || (major === 22 && minor >= 19);

interface WebSocketLike {
  send(data: Buffer): void;
  close(): void;
  on(event: "message", listener: (data: Buffer) => void): void;
  on(event: "close", listener: () => void): void;
}

describe.skipIf(!libraryRuns)("a cluster", () => {
  const objects = new Map<string, unknown>();
  const seen: string[] = [];
  /** What is answered with 403: "GET /path", or "UPGRADE". */
  const refused = new Set<string>();
  let api: Server;
  let cluster: Cluster;
  const apps: Record<string, Server> = {};

  beforeEach(async () => {
    objects.clear();
    seen.length = 0;
    refused.clear();
    api = fakeApi(objects, seen, apps, refused);
    await listening(api);
    cluster = await connect(kubeconfig({ token: TOKEN }, { server: addressOf(api), "insecure-skip-tls-verify": true }));
  });

  afterEach(async () => {
    for (const server of [api, ...Object.values(apps)]) {
      server.closeAllConnections();
      server.close();
    }
    for (const name of Object.keys(apps)) delete apps[name];
  });

  it("reads an object as it is, where the library's models rename fields", async () => {
    objects.set("/apis/apiextensions.k8s.io/v1", {
      kind: "APIResourceList",
      resources: [{ name: "customresourcedefinitions", kind: "CustomResourceDefinition", namespaced: false }],
    });
    const spec = { schema: { default: 1, "x-kubernetes-preserve-unknown-fields": true } };
    const managedFields = [{ manager: "a", operation: "Apply", fieldsV1: { "f:spec": {} } }];
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "things", managedFields },
      spec,
    };
    objects.set("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things", definition);
    const reference = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", name: "things" };
    const found = await cluster.findRaw(reference);
    expect(found?.spec).toEqual(spec);
    expect(found?.metadata?.managedFields?.[0]?.fieldsV1).toEqual({ "f:spec": {} });
    expect(await cluster.findRaw({ ...reference, name: "none" })).toBeUndefined();
    expect(await cluster.findRaw({ ...reference, apiVersion: "unknown.io/v1" })).toBeUndefined();
    expect(await cluster.isNamespaced("apiextensions.k8s.io/v1", "CustomResourceDefinition")).toBe(false);
    expect(await cluster.isNamespaced("unknown.io/v1", "Thing")).toBe(false);
  });

  it("tries an apply under another's name, and changes nothing", async () => {
    objects.set("/api/v1", {
      kind: "APIResourceList",
      resources: [{ name: "configmaps", kind: "ConfigMap", namespaced: true }],
    });
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "b" }, data: { a: "b" } };
    objects.set("/api/v1/namespaces/b/configmaps/a", object);
    expect(await cluster.isNamespaced("v1", "ConfigMap")).toBe(true);
    expect(await cluster.dryRunApply(object, "helm-controller")).toMatchObject({ data: { a: "b" } });
    expect(seen.at(-1)).toBe(
      "PATCH /api/v1/namespaces/b/configmaps/a?fieldManager=helm-controller&force=true&dryRun=All",
    );
  });

  it("tells its version", async () => {
    objects.set("/version", { gitVersion: "v1.34.2" });
    expect(await cluster.serverVersion()).toBe("v1.34.2");
    expect(seen).toEqual(["GET /version"]);
  });

  it("makes a namespace once", async () => {
    await cluster.ensureNamespace("helloworld", { "pod-security.kubernetes.io/enforce": "restricted" });
    await cluster.ensureNamespace("helloworld");
    expect(objects.get("/api/v1/namespaces/helloworld")).toMatchObject({
      metadata: { name: "helloworld", labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
  });

  it("needs no right to make a namespace that is there", async () => {
    refused.add("POST /api/v1/namespaces");
    await expect(cluster.ensureNamespace("helloworld")).rejects.toMatchObject({ problem: "forbidden" });
    objects.set("/api/v1/namespaces/helloworld", { metadata: { name: "helloworld" } });
    await cluster.ensureNamespace("helloworld");
    refused.add("GET /api/v1/namespaces/helloworld");
    await cluster.ensureNamespace("helloworld");
  });

  it("makes, renews and replaces the pull secret", async () => {
    const path = "/api/v1/namespaces/helloworld/secrets/ghcr-secret";
    const passwordIn = () => {
      const { type, data } = objects.get(path) as { type: string; data: Record<string, string> };
      expect(type).toBe("kubernetes.io/dockerconfigjson");
      return JSON.parse(Buffer.from(data[".dockerconfigjson"] ?? "", "base64").toString()).auths["ghcr.io"];
    };
    const login = { registry: "ghcr.io", username: "me", password: "one\n" };
    await cluster.applyPullSecret("helloworld", login);
    expect(passwordIn()).toEqual({ username: "me", password: "one", auth: Buffer.from("me:one").toString("base64") });
    await cluster.applyPullSecret("helloworld", { ...login, password: "two" });
    expect(passwordIn().password).toBe("two");
    objects.set(path, { metadata: { name: "ghcr-secret" }, type: "Opaque" });
    await cluster.applyPullSecret("helloworld", { ...login, password: "three" });
    expect(passwordIn().password).toBe("three");
    await expect(cluster.applyPullSecret("helloworld", { ...login, password: " " })).rejects.toThrow("has no password");
  });

  it("waits for a node", async () => {
    const lines: string[] = [];
    const clock = { now: () => time, sleep: async (ms: number) => void step(ms) };
    let time = 0;
    const step = (ms: number) => {
      time += ms;
      if (time === 400) objects.set("/api/v1/nodes", { items: [node("False", "container runtime network not ready")] });
      if (time === 1000) objects.set("/api/v1/nodes", { items: [node("True", "")] });
    };
    objects.set("/api/v1/nodes", { items: [] });
    const log = (line: string) => lines.push(line);
    expect(await cluster.waitForNodeReady({ timeoutSeconds: 5, log, clock })).toBe("node-1");
    expect(lines).toEqual([
      "waiting for a node: there is none yet",
      "waiting for a node: node-1: Because (container runtime network not ready)",
    ]);
    objects.set("/api/v1/nodes", { items: [] });
    await expect(cluster.waitForNodeReady({ timeoutSeconds: 2, log, clock })).rejects.toThrow(
      "No node of the cluster is ready after 2 s: there is none yet\nTo wait longer: --timeout with more than 2 seconds",
    );
  });

  it("waits until a node says anew that it is ready, where the API server remembers one from before", async () => {
    const at = (lastHeartbeatTime: string) => ({ items: [node("True", "", lastHeartbeatTime)] });
    objects.set("/api/v1/nodes", at("2026-01-01T10:00:00Z"));
    let time = Date.parse("2026-01-01T10:00:05.700Z");
    const since = time;
    const sleep = async (ms: number) => {
      time += ms;
      if (time - since === 3000) objects.set("/api/v1/nodes", at("2026-01-01T10:00:05Z"));
    };
    const clock = { now: () => time, sleep };
    expect(await cluster.waitForNodeReady({ timeoutSeconds: 5, since, log: () => undefined, clock })).toBe("node-1");
    expect(time - since).toBe(3000);
  });

  it("says what is missing", async () => {
    await expect(cluster.getDeployment("helloworld", "nope")).rejects.toThrow(
      'Reading Deployment helloworld/nope failed (404): "nope" not found',
    );
  });

  it("says that nobody answers", async () => {
    api.closeAllConnections();
    await new Promise((resolve) => api.close(resolve));
    await expect(cluster.serverVersion()).rejects.toThrow(/does not answer: 127\.0\.0\.1:\d+ refuses connections/);
    let time = 0;
    const sleep = async (ms: number) => {
      time += ms;
    };
    const clock = { now: () => time, sleep };
    await expect(cluster.waitForNodeReady({ timeoutSeconds: 90, log: () => undefined, clock })).rejects.toThrow(
      /does not answer/,
    );
    expect(time).toBe(20_000);
  });

  describe("port forwarding", () => {
    const SERVICE = "/api/v1/namespaces/helloworld/services/helloworld";
    const PODS = "/api/v1/namespaces/helloworld/pods";

    beforeEach(async () => {
      for (const name of ["a", "b", "c"]) {
        apps[name] = createHttpServer((request, response) => response.end(`pod ${name} ${request.url}`));
        await listening(apps[name]);
      }
      objects.set(SERVICE, {
        metadata: { name: "helloworld", namespace: "helloworld" },
        spec: { selector: { app: "helloworld" }, ports: [{ port: 8080, targetPort: "http" }] },
      });
      const containers = [{ name: "app", ports: [{ name: "http", containerPort: 8000 }] }];
      const [ending, ...ready] = ["c", "a", "b"].map((name) => ({ ...readyPod(name, "set"), spec: { containers } }));
      objects.set(PODS, {
        items: [
          ...ready,
          pod({ name: "unready" }),
          { ...ending, metadata: { ...ending?.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } },
        ],
      });
    });

    it("goes to each ready pod in turn, and to none that ends", async () => {
      const way = await cluster.portForward("helloworld", "helloworld", 8080);
      const bodies: string[] = [];
      for (let count = 0; count < 4; count++) bodies.push((await checkHttp(`${way.url}/x`)).body);
      expect(bodies.sort()).toEqual(["pod a /x", "pod a /x", "pod b /x", "pod b /x"]);
      expect(seen.filter((line) => line.includes("portforward"))[0]).toMatch(/portforward\?ports=8000$/);
      await way.close();
      expect((await checkHttp(way.url)).problem).toBe("refused");
    });

    it("goes to a pod that ends and still serves when no other is ready, as a Service does", async () => {
      const way = await cluster.portForward("helloworld", "helloworld", 8080);
      const { items } = objects.get(PODS) as { items: unknown[] };
      objects.set(PODS, { items: items.slice(2) });
      expect((await checkHttp(`${way.url}/x`)).body).toBe("pod c /x");
      await way.close();
    });

    it("breaks a connection whose pod does not answer, and says so", async () => {
      const lines: string[] = [];
      const way = await cluster.portForward("helloworld", "helloworld", 8080, { log: (line) => lines.push(line) });
      for (const app of Object.values(apps)) await new Promise((resolve) => app.close(resolve));
      expect((await checkHttp(way.url)).problem).toBe("reset");
      expect(lines.join()).toMatch(/the pod [ab] can't be reached on port 8000: connect ECONNREFUSED/);
      await way.close();
    });

    it("says that the caller may not forward ports", async () => {
      refused.add("UPGRADE");
      const lines: string[] = [];
      const way = await cluster.portForward("helloworld", "helloworld", 8080, { log: (line) => lines.push(line) });
      expect((await checkHttp(way.url)).problem).toBe("reset");
      expect(lines.join()).toMatch(/a forwarded connection failed: .* failed \(403\)/);
      await way.close();
    });

    it("moves large bodies both ways whole", async () => {
      const big = "0123456789".repeat(200_000);
      apps.a?.removeAllListeners("request").on("request", (request, response) => request.pipe(response));
      objects.set(PODS, { items: [(objects.get(PODS) as { items: unknown[] }).items[0]] });
      const way = await cluster.portForward("helloworld", "helloworld", 8080);
      const response = await fetch(way.url, { method: "POST", body: big });
      expect((await response.text()) === big).toBe(true);
      await way.close();
    });

    it("says why it can't begin", async () => {
      await expect(cluster.portForward("helloworld", "nope", 8080)).rejects.toThrow(
        "Reading Service helloworld/nope failed (404)",
      );
      await expect(cluster.portForward("helloworld", "helloworld", 80)).rejects.toThrow(
        "Service helloworld/helloworld has no port 80; it has 8080.",
      );
      const busy = createServer();
      await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
      const localPort = (busy.address() as AddressInfo).port;
      await expect(cluster.portForward("helloworld", "helloworld", 8080, { localPort })).rejects.toThrow(
        `The local port ${localPort} is in use`,
      );
      busy.close();
      objects.set(PODS, { items: [pod()] });
      await expect(cluster.portForward("helloworld", "helloworld", 8080)).rejects.toThrow(
        "has no ready pod (1 with the labels app=helloworld)",
      );
    });
  });
});

function node(status: string, message: string, lastHeartbeatTime = new Date().toISOString()) {
  return {
    metadata: { name: "node-1" },
    status: { conditions: [{ type: "Ready", status, reason: "Because", message, lastHeartbeatTime }] },
  };
}

async function listening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** As much of an API server as the calls need: objects by their path, and pods whose ports are those of local servers. */
function fakeApi(
  objects: Map<string, unknown>,
  seen: string[],
  apps: Record<string, Server>,
  refused: Set<string>,
): Server {
  const require = createRequire(new URL("../../pipeline/package.json", import.meta.url));
  const { WebSocketServer } = require("ws");
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "v4.channel.k8s.io" });
  const server = createHttpServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://api");
    seen.push(`${request.method} ${request.url}`);
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { message: "Unauthorized" });
    if (refused.has(`${request.method} ${pathname}`)) return answer(403, { message: "forbidden" });
    const name = pathname.split("/").at(-1);
    if (request.method === "POST" || request.method === "PUT") {
      const body = await bodyOf(request);
      const path = request.method === "PUT" ? pathname : `${pathname}/${body.metadata.name}`;
      if (request.method === "POST" && objects.has(path)) return answer(409, { message: "already exists" });
      objects.set(path, body);
      return answer(201, body);
    }
    if (!objects.has(pathname)) return answer(404, { message: `"${name}" not found` });
    const found = objects.get(pathname);
    if (request.method === "DELETE") objects.delete(pathname);
    return answer(200, found);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    seen.push(`UPGRADE ${request.url}`);
    if (refused.has("UPGRADE")) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const app = apps[/pods\/([^/]+)\/portforward/.exec(request.url ?? "")?.[1] ?? ""];
    sockets.handleUpgrade(request, socket, head, (ws: WebSocketLike) => app && forwardTo(app, ws));
  });
  return server;
}

/** What a kubelet does with a port-forward: channel 0 is data, 1 is errors, and each begins with the port's number. */
function forwardTo(app: Server, ws: WebSocketLike): void {
  const port = (app.address() as AddressInfo | null)?.port ?? 1;
  const send = (channel: number, data: Buffer) => ws.send(Buffer.concat([Buffer.from([channel]), data]));
  send(0, Buffer.from([0x40, 0x1f]));
  send(1, Buffer.from([0x40, 0x1f]));
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("data", (data) => send(0, data));
  socket.on("error", (error) => send(1, Buffer.from(error.message)));
  socket.on("close", () => ws.close());
  ws.on("message", (data) => socket.write(data.subarray(1)));
  ws.on("close", () => socket.destroy());
}

async function bodyOf(request: IncomingMessage) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}
