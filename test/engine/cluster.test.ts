// A cluster that somebody keeps: its kubeconfig works from this host, with RBAC and real certificates, and calls act on it.
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { parse, stringify } from "yaml";
import { call, daggerw, type Running, repository as root, start } from "./daggerw.js";
import { kernelSettings } from "./setup.js";

const PORT = 6443;
const { repository } = parse(readFileSync(join(root, "appManifests/values.yaml"), "utf8")).image;

let cluster: Running | undefined;
let kubeconfig = "";
let access: ReturnType<typeof accessOf>;

// Where nothing is cached yet the sample application and the node's images are built first.
beforeAll(async () => {
  // It is the one that the kubeconfig names.
  if (await listening()) throw new Error(`Something else listens on port ${PORT} of this machine: end it first.`);
  await up(600);
});

/** Starts a cluster and waits until its kubeconfig leads to it. */
async function up(seconds: number, ...args: string[]) {
  const running = start(["--progress=plain", "call", "cluster", ...args, "up", "--ports", `${PORT}:${PORT}`]);
  cluster = running;
  const over = new AbortController();
  const ended = running.outcome.then(({ stderr }) => Promise.reject(new Error(stderr)));
  const missed = () => new Error(`The cluster can't be reached. So far it said:\n${running.said()}`);
  const waiting = reachable(AbortSignal.any([AbortSignal.timeout(seconds * 1000), over.signal]));
  try {
    await Promise.race([waiting.then((reached) => reached || Promise.reject(missed())), ended]);
  } finally {
    over.abort();
  }
}

async function reachable(deadline: AbortSignal): Promise<boolean> {
  for (; !deadline.aborted; await new Promise((resolve) => setTimeout(resolve, 500))) {
    // A call for the kubeconfig costs more than a look whether the tunnel is there.
    if (!(await listening())) continue;
    // It may still be that of a cluster before: it is this one's when its API server takes it.
    kubeconfig = (await call("kubeconfig", "plaintext")).stdout;
    access = accessOf(kubeconfig);
    if (access && (await api("GET", "/readyz").catch(() => undefined))?.status === 200) return true;
  }
  return false;
}

const listening = () =>
  new Promise<boolean>((resolve) => {
    const socket = connect(PORT, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

async function end() {
  const running = cluster;
  cluster = undefined;
  running?.signal("SIGINT");
  await running?.outcome;
}

function accessOf(kubeconfig: string) {
  const config = parse(kubeconfig);
  if (!config) return undefined;
  const decode = (text: string) => Buffer.from(text, "base64");
  return {
    ca: decode(config.clusters[0].cluster["certificate-authority-data"]),
    cert: decode(config.users[0].user["client-certificate-data"]),
    key: decode(config.users[0].user["client-key-data"]),
  };
}

afterAll(end);

function api(method: string, path: string, options: { body?: object; anonymous?: boolean } = {}) {
  const { ca, cert, key } = access ?? {};
  return new Promise<{
    status: number;
    body: { items?: object[]; metadata?: { uid: string }; [key: string]: unknown };
  }>((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const of = options.anonymous ? { ca } : { ca, cert, key };
    // A tunnel takes a connection before what is behind it answers.
    const signal = AbortSignal.timeout(30_000);
    const sent = request({ host: "127.0.0.1", port: PORT, path, method, headers, signal, ...of }, (answer) => {
      let text = "";
      answer.on("data", (data) => {
        text += data;
      });
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, body: text.startsWith("{") ? JSON.parse(text) : {} }),
      );
    });
    sent.on("error", reject);
    sent.end(options.body && JSON.stringify(options.body));
  });
}

/** Starts a pod with the sample application and waits until it is ready. */
async function startApp() {
  const container = {
    name: "app",
    image: `${repository}:v0.2.0`,
    readinessProbe: { httpGet: { path: "/readyz", port: 8080 } },
  };
  const body = { apiVersion: "v1", kind: "Pod", metadata: { name: "app" }, spec: { containers: [container] } };
  expect((await api("POST", "/api/v1/namespaces/default/pods", { body })).status).toBe(201);
  await expect.poll(appStatus, { timeout: 120_000 }).toMatch(/"ready":true/);
}

const app = async () => (await api("GET", "/api/v1/namespaces/default/pods/app")).body;
const appStatus = async () => JSON.stringify((await app()).status);
const appUid = async () => (await app()).metadata?.uid;

describe("cluster up", () => {
  it("has a node that is ready, and DNS", async () => {
    await expect
      .poll(async () => JSON.stringify((await api("GET", "/api/v1/nodes")).body.items), { timeout: 120_000 })
      .toMatch(/"reason":"KubeletReady"/);
    await expect
      .poll(
        async () => JSON.stringify((await api("GET", "/apis/apps/v1/namespaces/kube-system/deployments/coredns")).body),
        { timeout: 120_000 },
      )
      .toMatch(/"readyReplicas":1/);
  });

  it("has nothing of the API server that made what its etcd started with", async () => {
    const { body } = await api("GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes");
    const [node] = (await api("GET", "/api/v1/nodes")).body.items as { status: { addresses: { address: string }[] } }[];
    expect(body.endpoints).toEqual([
      { addresses: [node?.status.addresses[0]?.address], conditions: expect.anything() },
    ]);
    const trust = await api("GET", "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication");
    const authority = (trust.body.data as Record<string, string>)["client-ca-file"];
    expect(authority).toBe(`${access?.ca.toString()}`);
  });

  it("lets its kubelet read a pull secret that the Node authorizer does not know of yet", async () => {
    const spec = {
      user: "system:node:node",
      groups: ["system:nodes"],
      resourceAttributes: { resource: "secrets", namespace: "default", name: "of-a-pod-just-made", verb: "list" },
    };
    const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
    const { body: review } = await api("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { body });
    expect(review.status).toMatchObject({ allowed: true });
  });

  it.runIf(process.platform === "linux")("leaves the machine's kernel as it was before any node", () => {
    expect(kernelSettings()).not.toEqual({});
    expect(kernelSettings()).toEqual(inject("kernelSettings"));
  });

  it("lets nobody in without credentials", async () => {
    expect((await api("GET", "/api/v1/secrets", { anonymous: true })).status).toBe(403);
  });

  it("pulls the sample application from a registry without credentials, and gives it an address", async () => {
    await startApp();
    expect(await appStatus()).toMatch(/"podIP":"10\.244\./);
  });

  it("accepts network policies", async () => {
    const body = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "deny" },
      spec: { podSelector: {}, policyTypes: ["Ingress"] },
    };
    expect((await api("POST", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", { body })).status).toBe(
      201,
    );
  });
});

describe("calls with a kubeconfig", () => {
  /** With an address of this machine that others reach too: the engine is another one. */
  function asOthersReachIt(): string {
    const config = parse(kubeconfig);
    const addresses = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
    const own = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
    Object.assign(config.clusters[0].cluster, {
      server: `https://${own?.address}:${PORT}`,
      "tls-server-name": "kubernetes",
    });
    return stringify(config);
  }

  const on = (...args: string[]) =>
    daggerw(["-s", "call", ...args, "--env", "local", "--kubeconfig", "env:GIVEN"], { GIVEN: asOthersReachIt() });

  it("deploy a tag, check it end to end, and show how it stands", async () => {
    const deployed = await on("deploy", "--tag", "v0.2.0");
    expect(deployed).toMatchObject({ exitCode: 0 });
    expect(deployed.stdout).toMatch(/\| deploy v0\.2\.0 +\| passed +\|[^|]*\| 1 replicas/);

    const checked = await on("end-to-end", "--tag", "v0.2.0");
    expect(checked.stdout).toMatch(/^HTTP 200 from v0\.2\.0 in \d+ ms on port 8080/);
    const another = await on("end-to-end");
    expect(another.exitCode).not.toBe(0);
    expect(another.stderr).toMatch(/answers as v0\.2\.0, expected v0\.1\.0/);

    const { exitCode, stdout } = await on("status");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/v0\.1\.0[\s\S]*v0\.2\.0/);
  });

  it("say that a cluster without Flux has no commit to drift from", async () => {
    const { exitCode, stderr } = await on("cluster-drift");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/Flux/);
  });
});

describe("a cluster with a name", () => {
  const name = `test-${process.pid}`;

  it("goes on with its pods when it is started again, until it is removed", async () => {
    await end();
    await up(150, "--name", name);
    await startApp();
    const uid = await appUid();
    const refused = await call("remove-cluster", "--name", name);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain(`The cluster ${name} is running`);

    await end();
    await up(150, "--name", name);
    await expect.poll(appStatus, { timeout: 120_000 }).toMatch(/"ready":true.*"restartCount":1/s);
    expect(await appUid()).toBe(uid);

    await end();
    expect((await call("remove-cluster", "--name", name)).stdout).toBe(`The cluster ${name} is removed.\n`);
    expect((await call("remove-cluster", "--name", name)).stdout).toBe(`There is no cluster ${name} here.\n`);
  });

  it("has a name that can be one", async () => {
    const { exitCode, stderr } = await call("remove-cluster", "--name", "../x");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('"../x" is no name for a cluster');
  });
});
