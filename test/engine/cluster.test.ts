// A cluster that somebody keeps: its kubeconfig works from this host, with RBAC and real certificates.
import { request } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { call, type Running, start } from "./daggerw.js";

const PORT = 6443;
let cluster: Running;
let access: ReturnType<typeof accessOf>;

beforeAll(async () => {
  cluster = start(["--progress=plain", "call", "cluster", "up", "--ports", `${PORT}:${PORT}`]);
  const ended = cluster.outcome.then(({ stderr }) => Promise.reject(new Error(stderr)));
  // The kubeconfig may still be that of a cluster before: it is this one's when its API server takes it.
  const reachable = async () => {
    for (;;) {
      access = accessOf((await call("kubeconfig", "plaintext")).stdout);
      if (access && (await api("GET", "/readyz").catch(() => undefined))?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
  await Promise.race([reachable(), ended]);
}, 120_000);

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

afterAll(async () => {
  cluster.signal("SIGINT");
  await cluster.outcome;
});

function api(method: string, path: string, options: { body?: object; anonymous?: boolean } = {}) {
  const { ca, cert, key } = access ?? {};
  return new Promise<{ status: number; body: { items?: object[]; [key: string]: unknown } }>((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const of = options.anonymous ? { ca } : { ca, cert, key };
    const sent = request({ host: "127.0.0.1", port: PORT, path, method, headers, ...of }, (answer) => {
      let text = "";
      answer.on("data", (data) => {
        text += data;
      });
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, body: text.startsWith("{") ? JSON.parse(text) : {} }),
      );
    });
    sent.on("error", reject);
    sent.end(options.body && JSON.stringify(options.body));
  });
}

describe("cluster up", () => {
  it("has a node that is ready, and DNS", async () => {
    await expect
      .poll(async () => JSON.stringify((await api("GET", "/api/v1/nodes")).body.items), { timeout: 30_000 })
      .toMatch(/"reason":"KubeletReady"/);
    await expect
      .poll(
        async () => JSON.stringify((await api("GET", "/apis/apps/v1/namespaces/kube-system/deployments/coredns")).body),
        { timeout: 30_000 },
      )
      .toMatch(/"readyReplicas":1/);
  });

  it("lets nobody in without credentials", async () => {
    expect((await api("GET", "/api/v1/secrets", { anonymous: true })).status).toBe(403);
  });

  it("pulls the sample application from a registry without credentials, and gives it an address", async () => {
    const container = {
      name: "app",
      image: "ghcr.io/damekarv/helloworld:v0.2.0",
      readinessProbe: { httpGet: { path: "/readyz", port: 8080 } },
    };
    const body = { apiVersion: "v1", kind: "Pod", metadata: { name: "app" }, spec: { containers: [container] } };
    expect((await api("POST", "/api/v1/namespaces/default/pods", { body })).status).toBe(201);
    const pod = async () => JSON.stringify((await api("GET", "/api/v1/namespaces/default/pods/app")).body.status);
    await expect.poll(pod, { timeout: 30_000 }).toMatch(/"phase":"Running".*"podIP":"10\.244\./s);
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
