import { describe, expect, it } from "vitest";
import type { LogSource } from "../../pipeline/src/diagnosis.js";
import { diagnosePods, podEvidence } from "../../pipeline/src/podEvidence.js";
import type { RolloutApi, V1Pod } from "../../pipeline/src/rollout.js";
import { event, exited, NAMESPACE, pod, readyPod } from "../fixtures/kubernetes.js";

/** A cluster with these pods, and what it was asked. */
function cluster(pods: V1Pod[], log: (source: LogSource) => Promise<string>) {
  const asked: string[] = [];
  const api = {
    listPods: async (_, selector) => {
      asked.push(selector);
      return pods;
    },
    listEvents: async () => [event("Started", "Started container app", { type: "Normal" })],
    podLog: async (source) => {
      asked.push(`log${source.previous ? " --previous" : ""} of ${source.pod}/${source.container}`);
      return await log(source);
    },
  } as Pick<RolloutApi, "listPods" | "listEvents" | "podLog"> as RolloutApi;
  return { api, asked };
}
const never = async () => Promise.reject(new Error("container not found"));

describe("diagnosePods", () => {
  const hook = (exitCode: number) =>
    pod({
      phase: exitCode === 0 ? "Succeeded" : "Failed",
      container: { state: { terminated: exited(exitCode) } },
      spec: { restartPolicy: "Never", containers: [] },
      metadata: { annotations: { "helm.sh/hook": "test" }, namespace: NAMESPACE, name: "helloworld-test" },
    });

  it("says why a Helm test failed, with its log", async () => {
    const { api, asked } = cluster([hook(7)], async () => "connection refused\n");
    const found = await diagnosePods(api, { namespace: NAMESPACE, selector: "a=b" });
    expect(found).toMatchObject({ what: "The container app exited with code 7", log: ["connection refused"] });
    expect(asked).toEqual(["a=b", "log of helloworld-test/app"]);
  });

  it("finds nothing in pods that are well", async () => {
    const { api } = cluster([hook(0), readyPod("a", "set-new")], never);
    expect(await diagnosePods(api, { namespace: NAMESPACE, selector: "" })).toBeUndefined();
  });
});

describe("podEvidence", () => {
  it("has state, events and last log lines of pods that are ready", async () => {
    const { api, asked } = cluster([readyPod("helloworld-new-1", "set-new")], async () => "GET / 500\nGET / 500\n");
    expect(await podEvidence(api, NAMESPACE, "a=b")).toEqual([
      "pod helloworld-new-1: Running",
      "container app: running, ready",
      "Events:",
      "  Normal Started: Started container app",
      "Last log lines of helloworld-new-1/app:",
      "  GET / 500",
      "  GET / 500",
    ]);
    expect(asked).toEqual(["a=b", "log of helloworld-new-1/app"]);
  });

  it("has the log from before a crash, where the container has none since", async () => {
    const log = async ({ previous }: LogSource) => (previous ? "panic: no database\n" : await never());
    const { api } = cluster([pod({ phase: "Running" })], log);
    expect(await podEvidence(api, NAMESPACE, "a=b")).toContain("  panic: no database");
  });

  it("is two pods' of those that stay", async () => {
    const leaving = { ...readyPod("leaving", "set-new") };
    leaving.metadata = { ...leaving.metadata, deletionTimestamp: new Date() };
    const { api, asked } = cluster([leaving, ...["a", "b", "c"].map((name) => readyPod(name, "set-new"))], never);
    const said = await podEvidence(api, NAMESPACE, "a=b");
    expect(said.filter((line) => line.startsWith("pod "))).toEqual(["pod a: Running", "pod b: Running"]);
    expect(said).toContain("  (no log: container not found)");
    expect(asked).not.toContain("log of c/app");
  });

  it("does not hide a failure when the cluster does not answer", async () => {
    const api = { listPods: never, listEvents: async () => [] } as unknown as RolloutApi;
    expect(await podEvidence(api, NAMESPACE, "a=b")).toEqual(["(its pods can't be read: container not found)"]);
  });
});
