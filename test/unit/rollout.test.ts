import { describe, expect, it } from "vitest";
import {
  type CoreV1Event,
  type RolloutApi,
  RolloutFailure,
  type RolloutOptions,
  type V1Pod,
  type V1ReplicaSet,
  waitForRollout,
} from "../../pipeline/src/rollout.js";
import {
  at,
  BEGIN,
  crashLoop,
  type DeploymentOptions,
  deployment,
  event,
  IMAGE,
  NAMESPACE,
  pod,
  readyPod,
  replicaSet,
  waiting,
} from "../fixtures/kubernetes.js";

/** What a cluster shows at a moment. */
interface Scene {
  deployment?: DeploymentOptions;
  sets?: V1ReplicaSet[];
  pods?: V1Pod[];
  events?: CoreV1Event[];
  log?: string;
  error?: Error;
}

const SETS = [replicaSet("set-old", "1"), replicaSet("set-new", "2")];
const OUT = { status: { updatedReplicas: 2, replicas: 2, availableReplicas: 2 } };
const UPDATING = { status: { updatedReplicas: 1, replicas: 3, availableReplicas: 2 } };

/** A cluster that shows each scene from its second on. */
function cluster(scenes: Record<number, Scene>) {
  let seconds = 0;
  const lines: string[] = [];
  const asked: string[] = [];
  const scene = (): Scene => {
    const begun = Object.keys(scenes)
      .map(Number)
      .filter((second) => second <= seconds);
    return scenes[Math.max(...begun)] ?? {};
  };
  const api: RolloutApi = {
    getDeployment: async () => {
      const { error, deployment: options } = scene();
      if (error) throw error;
      return deployment(options);
    },
    listReplicaSets: async () => scene().sets ?? SETS,
    listPods: async (_, selector) => {
      asked.push(selector);
      return scene().pods ?? [];
    },
    listEvents: async () => scene().events ?? [],
    podLog: async ({ previous }) => {
      asked.push(`log${previous ? " --previous" : ""}`);
      const { log } = scene();
      if (log === undefined) throw new Error("container not found");
      return log;
    },
  };
  const options: RolloutOptions = {
    namespace: NAMESPACE,
    deployment: "helloworld",
    timeoutSeconds: 60,
    log: (line) => lines.push(line),
    clock: {
      now: () => at(seconds).getTime(),
      sleep: async (milliseconds) => {
        seconds += milliseconds / 1000;
      },
    },
  };
  return { api, options, lines, asked, seconds: () => seconds };
}

async function failureOf(promise: Promise<unknown>): Promise<RolloutFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RolloutFailure);
  return error as RolloutFailure;
}

describe("waitForRollout", () => {
  it("waits for controller, updates, old replicas and availability, and says each change once", async () => {
    const { api, options, lines, asked } = cluster({
      0: { deployment: { observedGeneration: 1, ...OUT } },
      1: { deployment: UPDATING },
      2: { deployment: { status: { updatedReplicas: 2, replicas: 3, availableReplicas: 2 } } },
      3: { deployment: { status: { updatedReplicas: 2, replicas: 2, availableReplicas: 1 } } },
      4: { deployment: OUT },
    });
    expect(await waitForRollout(api, options)).toEqual({ seconds: 4, replicas: 2, images: [IMAGE] });
    expect(lines).toEqual([
      "Deployment helloworld/helloworld: waiting for the controller to see the new spec",
      "Deployment helloworld/helloworld: 1 of 2 new replicas updated",
      "Deployment helloworld/helloworld: 1 old replicas still to end",
      "Deployment helloworld/helloworld: 1 of 2 updated replicas available",
      "Deployment helloworld/helloworld: is out",
    ]);
    expect(asked[0]).toBe("app=helloworld");
  });

  it("waits for old pods to be gone when told to", async () => {
    const scenes = {
      0: { deployment: OUT, pods: [readyPod("new", "set-new"), readyPod("old", "set-old")] },
      5: { deployment: OUT, pods: [readyPod("new", "set-new")] },
    };
    const first = cluster(scenes);
    expect((await waitForRollout(first.api, first.options)).seconds).toBe(0);
    const second = cluster(scenes);
    const result = await waitForRollout(second.api, { ...second.options, untilOldPodsAreGone: true });
    expect(result.seconds).toBe(5);
  });

  it("goes on when a new pod is evicted and another one comes, and waits for no old one that was", async () => {
    const evicted = (name: string, owner: string) =>
      pod({ name, owner, phase: "Failed", status: { reason: "Evicted", message: "low on memory" } });
    const pods = [evicted("new", "set-new"), evicted("old", "set-old"), readyPod("another", "set-new")];
    const { api, options } = cluster({ 0: { deployment: UPDATING, pods }, 20: { deployment: OUT, pods } });
    expect((await waitForRollout(api, { ...options, untilOldPodsAreGone: true })).seconds).toBe(20);
  });

  it("is content with a Deployment that was scaled to nothing", async () => {
    const { api, options } = cluster({ 0: { deployment: { replicas: 0 } } });
    expect((await waitForRollout(api, options)).replicas).toBe(0);
  });

  it("ends early when the new version crashes, with its last log lines", async () => {
    const crashing = pod({ phase: "Running", container: crashLoop(1, 1) });
    const events = [event("BackOff", "Back-off restarting failed container")];
    const scene = { deployment: UPDATING, pods: [readyPod("old", "set-old"), crashing], events };
    const { api, options, asked, seconds } = cluster({
      0: { deployment: UPDATING },
      3: { ...scene, log: "listening on 8080\npanic: no configuration\n" },
    });
    const failure = await failureOf(waitForRollout(api, options));
    expect(seconds()).toBe(3);
    expect(asked.at(-1)).toBe("log --previous");
    expect(failure.diagnosis?.log).toEqual(["listening on 8080", "panic: no configuration"]);
    expect(failure.message).toContain(
      "Deployment helloworld/helloworld can't come good (given up after 3 s)\nThe container app exited 2 times",
    );
    expect(failure.message).toContain("  Warning BackOff: Back-off restarting failed container");
    expect(failure.message).toContain("  panic: no configuration");
  });

  it("ends early even when the log can't be read", async () => {
    const { api, options, asked } = cluster({
      0: { deployment: UPDATING, pods: [pod({ phase: "Running", container: crashLoop(1, 1) })] },
    });
    expect((await failureOf(waitForRollout(api, options))).message).toContain("(no log: container not found)");
    expect(asked.slice(-2)).toEqual(["log --previous", "log"]);
  });

  it("ends at the first answer of a registry that has no such tag", async () => {
    const message = `failed to resolve reference "${IMAGE}": ${IMAGE}: not found`;
    const { api, options, seconds } = cluster({
      0: { deployment: UPDATING, pods: [pod({ container: waiting("ContainerCreating") })] },
      1: { deployment: UPDATING, pods: [pod({ container: waiting("ErrImagePull", message) })] },
    });
    expect((await failureOf(waitForRollout(api, options))).message).toContain("has no such tag");
    expect(seconds()).toBe(1);
  });

  it("leaves the pods of other versions and of other owners aside", async () => {
    const old = pod({ name: "old", owner: "set-old", phase: "Running", container: crashLoop(1, 9) });
    const stranger = pod({ name: "stranger", owner: "another", phase: "Running", container: crashLoop(1, 9) });
    const { api, options } = cluster({
      0: { deployment: UPDATING, pods: [old, stranger] },
      2: { deployment: OUT, pods: [stranger] },
    });
    expect((await waitForRollout(api, options)).seconds).toBe(2);
  });

  it("does not blame the version before while the controller hasn't seen the new one", async () => {
    const old = pod({ name: "old", owner: "set-old", phase: "Running", container: crashLoop(1, 9) });
    const { api, options } = cluster({
      0: { deployment: { observedGeneration: 1, revision: "1", ...UPDATING }, pods: [old] },
      2: { deployment: OUT },
    });
    expect((await waitForRollout(api, options)).seconds).toBe(2);
  });

  it("gives up on one that is never ready after the time it is given", async () => {
    const running = pod({ phase: "Running", container: { state: { running: { startedAt: BEGIN } } } });
    const { api, options, seconds } = cluster({ 0: { deployment: UPDATING, pods: [running], log: "" } });
    const failure = await failureOf(waitForRollout(api, { ...options, readyWithinSeconds: 8 }));
    expect(failure.message).toContain("runs for 9 s and is not ready");
    expect(seconds()).toBe(8.5);
  });

  it("tells pods that the cluster refuses", async () => {
    const conditions = [
      {
        type: "ReplicaFailure",
        status: "True",
        message: 'violates PodSecurity "restricted:latest"',
        lastTransitionTime: BEGIN,
      },
    ];
    const sets = [replicaSet("set-new", "2", { conditions })];
    const { api, options } = cluster({ 0: { deployment: UPDATING, sets } });
    expect((await failureOf(waitForRollout(api, options))).message).toContain("ReplicaSet helloworld/set-new");
  });

  it("tells a paused Deployment and one past its deadline", async () => {
    const paused = cluster({ 0: { deployment: { ...UPDATING, paused: true } } });
    expect((await failureOf(waitForRollout(paused.api, paused.options))).message).toContain("rollout resume");
    const conditions = [
      { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "ReplicaSet has timed out" },
    ];
    const late = cluster({ 0: { deployment: { status: { ...UPDATING.status, conditions } }, pods: [pod()] } });
    const failure = await failureOf(waitForRollout(late.api, late.options));
    expect(failure.message).toContain("made no progress within its deadline: ReplicaSet has timed out");
    expect(failure.message).toContain("pod helloworld-new-1: Pending");
  });

  it("gives the last state and the pods' events at the end of its time", async () => {
    const pods = [readyPod("old", "set-old"), pod({ container: waiting("ContainerCreating") })];
    const events = [event("Pulling", 'Pulling image "x"', { type: "Normal" })];
    const { api, options, seconds } = cluster({ 0: { deployment: UPDATING, pods, events } });
    const failure = await failureOf(waitForRollout(api, { ...options, timeoutSeconds: 20 }));
    expect(seconds()).toBe(20);
    expect(failure.diagnosis).toBeUndefined();
    expect(failure.message).toBe(
      [
        "Deployment helloworld/helloworld is not out after 20 s: 1 of 2 new replicas updated",
        "  pod helloworld-new-1: Pending",
        "  container app: waiting, ContainerCreating",
        '    Normal Pulling: Pulling image "x"',
        "Next: kubectl -n helloworld describe deployment helloworld",
        "To wait longer: --timeout with more than 20 seconds",
      ].join("\n"),
    );
  });

  it("bears an API server that restarts, and none that is away for longer", async () => {
    const away = Object.assign(new Error("does not answer"), { transient: true });
    const short = cluster({ 0: { deployment: UPDATING }, 1: { error: away }, 20: { deployment: OUT } });
    await waitForRollout(short.api, short.options);
    expect(short.lines).toContain(
      "Deployment helloworld/helloworld: the cluster does not answer, trying again: does not answer",
    );
    const long = cluster({ 0: { error: away } });
    await expect(waitForRollout(long.api, long.options)).rejects.toBe(away);
    expect(long.seconds()).toBe(20);
  });

  it("asks one a few times that lets each call run into its time limit", async () => {
    const away = Object.assign(new Error("does not answer"), { transient: true });
    const { api, options, seconds } = cluster({ 0: { error: away }, 60: { deployment: OUT } });
    const hangs = async () => {
      await options.clock?.sleep(20_000);
      return await api.getDeployment(NAMESPACE, "helloworld");
    };
    await waitForRollout({ ...api, getDeployment: hangs }, { ...options, timeoutSeconds: 300 });
    expect(seconds()).toBe(61);
  });

  it("passes any other error on at once", async () => {
    const gone = new Error("there is no Deployment");
    const { api, options, seconds } = cluster({ 0: { error: gone } });
    await expect(waitForRollout(api, options)).rejects.toBe(gone);
    expect(seconds()).toBe(0);
  });
});
