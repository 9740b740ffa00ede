import { describe, expect, it } from "vitest";
import { clusterError } from "../../pipeline/src/clusterErrors.js";
import { inspectKubeconfig } from "../../pipeline/src/kubeconfig.js";
import { kubeconfig, TOKEN } from "../fixtures/kubeconfig.js";

describe("clusterError", () => {
  const target = inspectKubeconfig(kubeconfig());
  const failed = (properties: object) =>
    new TypeError("fetch failed", { cause: Object.assign(new Error("why"), properties) });

  it.each([
    ["ECONNREFUSED", "unreachable", true, "refuses connections"],
    ["ENOTFOUND", "unreachable", true, "has no address in the DNS"],
    ["UND_ERR_CONNECT_TIMEOUT", "unreachable", true, "gave no answer"],
    ["EHOSTUNREACH", "unreachable", true, "can't be reached from here"],
    ["ERR_STREAM_PREMATURE_CLOSE", "unreachable", true, "broke the connection"],
    ["EPROTO", "unreachable", false, "does not speak TLS as it should"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "unreachable", false, "certificate that is not trusted"],
  ])("knows %s", (code, problem, transient, text) => {
    const error = clusterError(failed({ code }), "reading x", target);
    expect(error).toMatchObject({ problem, transient });
    expect(error.message).toContain(
      "Reading x failed: the cluster's API server at https://api.example.com:6443 does not answer",
    );
    expect(error.message).toContain(text);
    expect(error.message).not.toContain("container itself");
  });

  it("explains why this machine's own address does not work from a container", () => {
    const local = inspectKubeconfig(kubeconfig(undefined, { server: "https://127.0.0.1:6443" }));
    expect(clusterError(failed({ code: "ECONNREFUSED" }), "x", local).message).toContain("is the container itself");
  });

  it.each([
    [401, "unauthorized", false, "does not accept the credentials of the kubeconfig's user ci (401)"],
    [403, "forbidden", false, "X failed (403): pods is forbidden"],
    [404, "not-found", false, "X failed (404): pods is forbidden"],
    [409, "conflict", false, "X failed (409): pods is forbidden"],
    [429, "other", true, "X failed (429): pods is forbidden"],
    [503, "other", true, "X failed (503): pods is forbidden"],
  ])("knows the status %i", (code, problem, transient, text) => {
    for (const body of ['{"message":"pods is forbidden"}', { message: "pods is forbidden" }]) {
      const thrown = Object.assign(new Error(`HTTP-Code: ${code} ${TOKEN}`), {
        code,
        body,
        headers: { secret: TOKEN },
      });
      const error = clusterError(thrown, "x", target);
      expect(error).toMatchObject({ problem, transient });
      expect(error.message).toContain(text);
      expect(error.message).not.toContain(TOKEN);
    }
  });

  it.each([
    [401, "unauthorized", false],
    [403, "forbidden", false],
    [503, "other", true],
  ])("knows a port-forward that is refused with %i by the words of its WebSocket", (status, problem, transient) => {
    const thrown = { error: new Error(`Unexpected server response: ${status}`) };
    expect(clusterError(thrown, "forwarding a port", target)).toMatchObject({ problem, transient });
  });

  it("names the command that gives no credentials", () => {
    const exec = inspectKubeconfig(kubeconfig({ exec: { command: "node" } }));
    const error = clusterError(new Error("Unable to locate credentials.\nmore"), "x", exec);
    expect(error.message).toContain(
      "the command node, by which the kubeconfig gets its credentials, failed: Unable to locate",
    );
  });
});
