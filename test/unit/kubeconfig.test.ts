import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ClusterError } from "../../pipeline/src/clusterErrors.js";
import { inspectKubeconfig } from "../../pipeline/src/kubeconfig.js";
import { kubeconfig, TOKEN } from "../fixtures/kubeconfig.js";

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ClusterError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
}

describe("inspectKubeconfig", () => {
  it("finds the current context's cluster and user", () => {
    expect(inspectKubeconfig(kubeconfig())).toEqual({
      context: "dev",
      server: "https://api.example.com:6443",
      user: "ci",
      command: undefined,
    });
  });

  it("names a command that is installed and refuses one that isn't", () => {
    expect(inspectKubeconfig(kubeconfig({ exec: { command: "node" } })).command).toBe("node");
    expect(inspectKubeconfig(kubeconfig({ exec: { command: process.execPath } })).command).toBe(process.execPath);
    const message = messageOf(() => inspectKubeconfig(kubeconfig({ exec: { command: "no-such-command" } })));
    expect(message).toContain('gets the credentials of ci by running "no-such-command", which is not installed');
    expect(message).toContain("aws eks get-token");
  });

  it("takes a file that is there and refuses one that isn't", () => {
    const folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
    const file = join(folder, "ca.crt");
    writeFileSync(file, "");
    expect(inspectKubeconfig(kubeconfig({ "client-key": file })).user).toBe("ci");
    rmSync(folder, { recursive: true });
    const message = messageOf(() => inspectKubeconfig(kubeconfig({ "client-key": file })));
    expect(message).toContain(`names a file that is not here (client-key: ${file})`);
    expect(message).toContain("kubectl config view --raw --minify --flatten");
  });

  it.each([
    ["", "is empty"],
    ["/home/me/.kube/config", "is a single word, such as a path, and not the file itself"],
    ["- a\n- b\n", "is no kubeconfig"],
    ["users: *missing\n", "is broken YAML (an alias without its anchor)"],
    ["kind: Config\n", "has no current-context"],
    [kubeconfig().replace('"current-context":"dev"', '"current-context":"prod"'), "has no context called prod"],
    [kubeconfig(undefined, {}), "has no server address for the cluster dev-helloworld"],
    [kubeconfig(undefined, { server: "not an address" }), "has no server address"],
    [kubeconfig().replace('"name":"ci"', '"name":"another"'), "has no user called ci"],
  ])("refuses %j", (text, message) => {
    expect(messageOf(() => inspectKubeconfig(text))).toContain(message);
  });

  it("shows the place of broken YAML and none of its text", () => {
    const message = messageOf(() => inspectKubeconfig(`users:\n  - user:\n      token: "${TOKEN}\n`));
    expect(message).toMatch(/^The kubeconfig is broken YAML at line \d+, column \d+\.$/);
  });
});
