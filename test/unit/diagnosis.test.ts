import { describe, expect, it } from "vitest";
import { diagnose, formatDiagnosis, type Situation, withLog } from "../../pipeline/src/diagnosis.js";
import type { CoreV1Event, V1Pod } from "../../pipeline/src/rollout.js";
import {
  at,
  BEGIN,
  crashLoop,
  event,
  exited,
  IMAGE,
  pod,
  readyPod,
  replicaSet,
  waiting,
} from "../fixtures/kubernetes.js";

function look(one: V1Pod, seconds: number, events: CoreV1Event[] = [], rest: Partial<Situation> = {}) {
  return diagnose({ pods: [one], events, now: at(seconds), ...rest });
}

/** What containerd says, as the kubelet passes it on. */
const pull = (why: string) =>
  `failed to pull and unpack image "${IMAGE}": failed to resolve reference "${IMAGE}": ${why}`;
const DENIED = pull(
  "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Adamekarv%2Fhelloworld%3Apull&service=ghcr.io: 403 Forbidden",
);
const ANONYMOUS = pull(
  "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Adamekarv%2Fhelloworld%3Apull&service=ghcr.io: 401 Unauthorized",
);
const NO_TAG = pull(`${IMAGE}: not found`);
const NO_HOST = pull(
  'failed to do request: Head "https://ghcr.io/v2/damekarv/helloworld/manifests/v0.2.0": dial tcp: lookup ghcr.io on 10.0.0.2:53: no such host',
);

describe("images that can't be pulled", () => {
  it.each([
    ["403", DENIED, "(403)"],
    ["401", ANONYMOUS, "(401)"],
    [
      "a basic auth registry",
      pull(
        "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
      ),
      "(401)",
    ],
    [
      "401 of the registry itself",
      pull("unexpected status from HEAD request to http://registry:5000/v2/a/manifests/v0.2.0: 401 Unauthorized"),
      "(401)",
    ],
  ])("names ghcr-secret and how to renew it at the first %s", (_, message, status) => {
    const found = look(pod({ container: waiting("ErrImagePull", message) }), 1);
    expect(found?.what).toBe(`The registry ghcr.io refuses to give the image ${IMAGE} ${status}`);
    expect(found?.where).toBe("pod helloworld/helloworld-new-1, container app");
    expect(found?.cause).toContain("ghcr-secret");
    expect(found?.cause).toContain("read:packages");
    expect(found?.next).toContain("GHCR_PAT");
    expect(found?.next).toContain(
      "kubectl -n helloworld create secret docker-registry ghcr-secret --docker-server=ghcr.io",
    );
    expect(found?.logSource).toBeUndefined();
  });

  it("says that the secret is not there, once the kubelet has had a second look for it", () => {
    const events = [
      event("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (ghcr-secret)"),
    ];
    const one = pod({ container: waiting("ErrImagePull", ANONYMOUS) });
    const failed = (count: number) => event("Failed", `Failed to pull image "${IMAGE}": ${ANONYMOUS}`, { count });
    const cause = "the secret ghcr-secret does not exist in the namespace helloworld";
    expect(look(one, 20, [...events, failed(1)])).toBeUndefined();
    expect(look(one, 13, [...events, failed(2)])?.cause).toBe(cause);
    expect(look(one, 44, events)).toBeUndefined();
    expect(look(one, 45, events)?.cause).toBe(cause);
  });

  it("says that the pod names no secret", () => {
    const one = pod({ container: waiting("ErrImagePull", ANONYMOUS), spec: { imagePullSecrets: [] } });
    expect(look(one, 1)?.cause).toContain("no imagePullSecrets");
  });

  it("finds the reason in the events once the state says only that it backs off", () => {
    const events = [event("Failed", `Failed to pull image "${IMAGE}": ${DENIED}`, { count: 2 })];
    const one = pod({ container: waiting("ImagePullBackOff", `Back-off pulling image "${IMAGE}"`) });
    expect(look(one, 3, events)?.what).toContain("(403)");
  });

  it("says at once that a tag does not exist", () => {
    const found = look(pod({ container: waiting("ErrImagePull", NO_TAG) }), 1);
    expect(found?.what).toBe(`The image ${IMAGE} does not exist: the registry ghcr.io has no such tag`);
    expect(found?.cause).toContain("v0.2.0 was never published in ghcr.io/damekarv/helloworld");
    expect(found?.next).toContain("crane ls ghcr.io/damekarv/helloworld");
  });

  it("does not read a status in a tag", () => {
    const image = "registry:5000/app:v1.401.0";
    const message = `failed to pull and unpack image "${image}": failed to copy: httpReadSeeker: failed open: unexpected status from GET request to http://registry:5000/v2/app/manifests/v1.401.0: 500 Internal Server Error`;
    const one = pod({ container: waiting("ErrImagePull", message), spec: { containers: [{ name: "app", image }] } });
    expect(look(one, 5)).toBeUndefined();
    expect(look(one, 16)?.what).toBe(`The node can't pull the image ${image}`);
    expect(look(one, 16)?.cause).toContain("500 Internal Server Error");
  });

  it.each([
    [NO_HOST, "the name ghcr.io has no address in the node's DNS", 15],
    [
      pull('failed to do request: Head "https://ghcr.io/v2/": dial tcp 10.1.2.3:443: connect: connection refused'),
      "no connection from the node",
      60,
    ],
    [
      pull('failed to do request: Head "https://ghcr.io/v2/": dial tcp 10.1.2.3:443: i/o timeout'),
      "no connection from the node",
      60,
    ],
    [pull('failed to do request: Head "https://ghcr.io/v2/": EOF'), "no connection from the node", 60],
    [pull("unexpected status from HEAD request: 503 Service Unavailable"), "or the registry is down", 60],
    [pull('failed to do request: Head "URL": http: server closed idle connection'), "or the registry is down", 60],
    [pull("failed to copy: write tcp 10.1.2.3:1->10.1.2.4:443: write: broken pipe"), "or the registry is down", 60],
    [
      pull("failed to do request: tls: failed to verify certificate: x509: certificate signed by unknown authority"),
      "doesn't trust the certificate",
      15,
    ],
  ])(
    "gives a registry that is out of reach a while, more where it may come back, then names it",
    (message, cause, seconds) => {
      const one = pod({ container: waiting("ErrImagePull", message) });
      expect(look(one, seconds - 1)).toBeUndefined();
      const found = look(one, seconds);
      expect(found?.what).toBe("The node can't reach the registry ghcr.io");
      expect(found?.cause).toContain(cause);
    },
  );

  it.each([
    ["InvalidImageName", 'Failed to apply default image tag "a:b:c"', "is no image reference"],
    ["ErrImageNeverPull", `Container image "${IMAGE}" is not present with pull policy of Never`, "may not pull it"],
  ])("knows %s", (reason, message, what) => {
    expect(look(pod({ container: waiting(reason, message) }), 0)?.what).toContain(what);
  });

  it.each([
    ["localhost:5000/a/b:v1.0.0", "localhost:5000"],
    ["busybox:v1.0.0", "docker.io"],
    ["library/busybox", "docker.io"],
    ["localhost/a:v1.0.0", "localhost"],
    ["registry:5000/a@sha256:00", "registry:5000"],
  ])("knows the registry of %s", (image, host) => {
    const message = "pull access denied";
    const one = pod({ container: waiting("ErrImagePull", message), spec: { containers: [{ name: "app", image }] } });
    expect(look(one, 1)?.what).toContain(`The registry ${host} refuses`);
  });

  it("looks at init containers too", () => {
    const spec = { containers: [], initContainers: [{ name: "setup", image: IMAGE }] };
    expect(look(pod({ init: waiting("ErrImagePull", NO_TAG), spec }), 1)?.where).toContain("container setup");
  });
});

describe("containers that crash", () => {
  it("hopes after the first exit", () => {
    expect(look(pod({ phase: "Running", container: { state: { terminated: exited(1) } } }), 2)).toBeUndefined();
  });

  it("hopes while the container runs again", () => {
    const container = {
      restartCount: 3,
      state: { running: { startedAt: at(4) } },
      lastState: { terminated: exited(1) },
    };
    expect(look(pod({ phase: "Running", container }), 5)).toBeUndefined();
  });

  it("gives up at the second exit, with exit code and log", () => {
    const found = look(pod({ phase: "Running", container: crashLoop(3, 1) }), 3);
    expect(found?.what).toBe("The container app exited 2 times with code 3");
    expect(found?.cause).toContain("the application ended with an error");
    expect(found?.next).toBe("kubectl -n helloworld logs helloworld-new-1 -c app --previous");
    expect(found?.logSource).toEqual({
      namespace: "helloworld",
      pod: "helloworld-new-1",
      container: "app",
      previous: true,
    });
    expect(found?.state).toEqual([
      "pod helloworld-new-1: Running",
      "container app: waiting, CrashLoopBackOff: back-off 10s restarting failed container=app, before that ended with code 3 (Error), 1 restart",
    ]);
  });

  it("hopes longer when told to", () => {
    const one = pod({ phase: "Running", container: crashLoop(3, 1) });
    expect(look(one, 3, [], { patience: { hopelessCrashes: 3 } })).toBeUndefined();
  });

  it("sees the second exit before the kubelet calls it a loop", () => {
    const container = { restartCount: 1, state: { terminated: exited(1) }, lastState: { terminated: exited(1) } };
    const found = look(pod({ phase: "Running", container }), 3);
    expect(found?.what).toContain("exited 2 times");
    expect(found?.logSource?.previous).toBe(false);
  });

  it("names the memory limit of one that was killed for it", () => {
    const found = look(pod({ phase: "Running", container: crashLoop(137, 1, "OOMKilled") }), 3);
    expect(found?.what).toBe("The container app was killed 2 times: it used more memory than its limit");
    expect(found?.cause).toContain("64Mi");
  });

  it.each([
    [crashLoop(0, 1), [], "a server has to keep running"],
    [crashLoop(139, 1), [], "(signal 11)"],
    [crashLoop(127, 1, "StartError"), [], "its command can't be started"],
    [
      crashLoop(137, 1),
      [event("Killing", "Container app failed liveness probe, will be restarted")],
      "failed liveness probe",
    ],
  ])("tells the cause of a crash", (container, events, cause) => {
    expect(look(pod({ phase: "Running", container }), 3, events)?.cause).toContain(cause);
  });

  it("gives up at once on a pod that is never restarted, such as a Helm hook", () => {
    const one = pod({
      phase: "Failed",
      container: { state: { terminated: exited(1) } },
      spec: { restartPolicy: "Never", containers: [] },
      metadata: { annotations: { "helm.sh/hook": "test" } },
    });
    expect(look(one, 2)).toMatchObject({
      what: "The container app exited with code 1",
      where: "Helm hook test, pod helloworld/helloworld-new-1, container app",
    });
  });

  it("finds nothing wrong with a hook or an init container that is done", () => {
    const spec = { restartPolicy: "Never", containers: [] };
    expect(look(pod({ phase: "Succeeded", container: { state: { terminated: exited(0) } }, spec }), 9)).toBeUndefined();
    expect(look(pod({ init: { restartCount: 2, state: { terminated: exited(0) } } }), 9)).toBeUndefined();
  });

  it.each([
    [
      "CreateContainerConfigError",
      'secret "app-config" not found',
      15,
      "The secret app-config does not exist in the namespace helloworld",
    ],
    ["CreateContainerConfigError", 'configmap "settings" not found', 15, "The configmap settings does not exist"],
    [
      "CreateContainerConfigError",
      "couldn't find key password in Secret helloworld/app",
      15,
      "can't be created (CreateContainerConfigError)",
    ],
    [
      "CreateContainerConfigError",
      "container has runAsNonRoot and image will run as root",
      0,
      "may not start as the user of its image",
    ],
    [
      "RunContainerError",
      'exec: "/serve": stat /serve: no such file or directory',
      0,
      "can't be created (RunContainerError)",
    ],
  ])("knows %s: %s", (reason, message, seconds, what) => {
    const one = pod({ container: waiting(reason, message) });
    expect(look(one, seconds)?.what).toContain(what);
    if (seconds > 0) expect(look(one, seconds - 1)).toBeUndefined();
  });
});

describe("pods that don't get that far", () => {
  const unschedulable = pod({
    status: {
      conditions: [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/1 nodes are available: 1 Insufficient cpu.",
        },
      ],
    },
  });

  it("gives the scheduler's message after a while", () => {
    expect(look(unschedulable, 19)).toBeUndefined();
    expect(look(unschedulable, 20)?.cause).toBe("the scheduler says: 0/1 nodes are available: 1 Insufficient cpu.");
    expect(look(unschedulable, 20, [], { patience: { scheduledWithinSeconds: 180 } })).toBeUndefined();
  });

  it("waits for a node that is being made", () => {
    const events = [event("Nominated", "Pod should schedule on: nodeclaim/default-abc", { type: "Normal" })];
    expect(look(unschedulable, 100, events)).toBeUndefined();
  });

  it.each([
    [
      "FailedMount",
      'MountVolume.SetUp failed for volume "config" : secret "app-config" not found',
      "The secret app-config does not exist",
    ],
    [
      "FailedCreatePodSandBox",
      "failed to setup network for sandbox: no IP addresses available",
      "The pod can't start (FailedCreatePodSandBox)",
    ],
  ])("knows %s", (reason, message, what) => {
    const one = pod({ container: waiting("ContainerCreating") });
    expect(look(one, 14, [event(reason, message)])).toBeUndefined();
    expect(look(one, 15, [event(reason, message)])?.what).toContain(what);
  });

  it("counts from when a node has the pod, which may have had to be made first", () => {
    const status = { conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: at(60) }] };
    const one = pod({ container: waiting("ContainerCreating"), status });
    const mount = (seconds: number) => [event("FailedMount", "no such device", { lastTimestamp: at(seconds) })];
    expect(look(one, 62, mount(61))).toBeUndefined();
    expect(look(one, 75, mount(74))?.what).toContain("The pod can't start (FailedMount)");
    const secret = pod({ container: waiting("ErrImagePull", ANONYMOUS), status });
    const missed = [
      event("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (ghcr-secret)"),
    ];
    expect(look(secret, 103, missed)).toBeUndefined();
    expect(look(secret, 106, missed)?.cause).toContain("does not exist in the namespace");
  });

  it("bears a trouble that the kubelet has mended, while a large image is pulled", () => {
    const one = pod({ container: waiting("ContainerCreating") });
    const failed = event("FailedCreatePodSandBox", "no network yet", { lastTimestamp: at(2) });
    const pulling = (seconds: number) =>
      event("Pulling", "Pulling image", { type: "Normal", lastTimestamp: at(seconds) });
    expect(look(one, 30, [failed, pulling(3)])).toBeUndefined();
    expect(look(one, 30, [failed, pulling(1)])?.what).toContain("FailedCreatePodSandBox");
  });

  it("knows an evicted pod", () => {
    const one = pod({
      phase: "Failed",
      status: { reason: "Evicted", message: "The node was low on resource: memory." },
    });
    expect(look(one, 1)).toMatchObject({
      what: "The pod failed: Evicted",
      cause: "The node was low on resource: memory.",
    });
  });

  describe("of a ReplicaSet, and given up by their node", () => {
    const reasons = ["Evicted", "OutOfpods", "OutOfcpu", "UnexpectedAdmissionError"];
    const failed = (reason: string, rest: Partial<V1Pod["status"]> = {}) =>
      pod({
        ...{ name: "failed", phase: "Failed", status: { reason, message: "no room", ...rest } },
        container: { restartCount: 3, state: { terminated: exited(137) } },
      });
    const rollout = (pods: V1Pod[], seconds: number) =>
      diagnose({ pods, replicaSet: replicaSet("set-new", "2"), events: [], now: at(seconds) });

    it.each(reasons)("are passed over while there is another one (%s)", (reason) => {
      expect(rollout([failed(reason), pod()], 300)).toBeUndefined();
      expect(rollout([failed(reason), readyPod("another", "set-new")], 300)).toBeUndefined();
    });

    it.each(reasons)("are named when there is none, once the ReplicaSet could have made it (%s)", (reason) => {
      expect(rollout([failed(reason)], 14)).toBeUndefined();
      expect(rollout([failed(reason)], 15)).toMatchObject({ what: `The pod failed: ${reason}`, cause: "no room" });
      const ending = pod({ metadata: { name: "ending", deletionTimestamp: BEGIN } });
      expect(rollout([failed(reason), ending], 15)?.what).toBe(`The pod failed: ${reason}`);
    });

    it("leave the ReplicaSet its time from the eviction on, however old they are", () => {
      const conditions = [{ type: "DisruptionTarget", status: "True", lastTransitionTime: at(300) }];
      expect(rollout([failed("Evicted", { conditions })], 314)).toBeUndefined();
      expect(rollout([failed("Evicted", { conditions })], 315)?.what).toBe("The pod failed: Evicted");
    });

    it("hide no other that can't come good", () => {
      const crashing = pod({ phase: "Running", container: crashLoop(3, 1) });
      expect(rollout([failed("Evicted"), crashing], 3)?.what).toContain("exited 2 times");
    });
  });

  it("takes nothing else for a failure", () => {
    expect(look(pod(), 1)).toBeUndefined();
    expect(look(pod({ container: waiting("ContainerCreating") }), 300)).toBeUndefined();
    expect(look(pod({ container: waiting("PodInitializing") }), 300)).toBeUndefined();
  });
});

describe("pods that are never ready", () => {
  const running = { state: { running: { startedAt: BEGIN } } };

  it.each([
    ["Readiness probe failed: HTTP probe failed with statuscode: 503", "answers its probe with an error"],
    [
      'Readiness probe failed: Get "http://10.0.0.5:8080/": dial tcp 10.0.0.5:8080: connect: connection refused',
      "nothing listens",
    ],
    ['Startup probe failed: Get "http://10.0.0.5:8080/": context deadline exceeded', "too slow for its probe"],
  ])("gives up after the deadline: %s", (message, cause) => {
    const one = pod({ phase: "Running", container: running });
    const events = [event("Unhealthy", message, { count: 12 })];
    expect(look(one, 30, events)).toBeUndefined();
    const found = look(one, 31, events);
    expect(found?.what).toBe("The container app runs for 31 s and is not ready");
    expect(found?.cause).toContain(cause);
    expect(found?.events).toEqual([`Warning Unhealthy (12 times): ${message}`]);
    expect(found?.logSource?.previous).toBe(false);
    expect(look(one, 11, events, { patience: { readyWithinSeconds: 10 } })).toBeDefined();
  });

  it("counts the wait before the first probe in the container's favour", () => {
    const spec = { containers: [{ name: "app", readinessProbe: { initialDelaySeconds: 20 } }] };
    const one = pod({ phase: "Running", container: running, spec });
    expect(look(one, 50)).toBeUndefined();
    expect(look(one, 51)).toBeDefined();
  });

  it("leaves a container the time that its startup probe allows, until it has started", () => {
    const spec = { containers: [{ name: "app", startupProbe: { failureThreshold: 60, periodSeconds: 1 } }] };
    const starting = pod({ phase: "Running", container: { ...running, started: false }, spec });
    expect(look(starting, 90)).toBeUndefined();
    expect(look(starting, 91)).toBeDefined();
    expect(look(pod({ phase: "Running", container: { ...running, started: true }, spec }), 90)).toBeUndefined();
    expect(look(pod({ phase: "Running", container: { ...running, started: true }, spec }), 91)).toBeDefined();
  });

  it("counts from the first look for readiness, once a container has started that may take its time", () => {
    const spec = { containers: [{ name: "app", startupProbe: { failureThreshold: 60, periodSeconds: 1 } }] };
    const started = pod({ phase: "Running", container: { ...running, started: true }, spec });
    const refused = (first: number, last = first) =>
      event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", {
        firstTimestamp: at(first),
        lastTimestamp: at(last),
      });
    const slow = [
      event("Unhealthy", "Startup probe failed: statuscode: 503", { firstTimestamp: at(1) }),
      refused(40, 69),
    ];
    expect(look(started, 70, slow)).toBeUndefined();
    expect(look(started, 71, slow)?.cause).toContain("statuscode: 503");
    expect(look(started, 31, [refused(1)])).toBeUndefined();
    expect(look(started, 32, [refused(1)])).toBeDefined();
    // Of another container, which was ready long before this one had started.
    const sidecar = refused(5);
    const ofSidecar = {
      ...sidecar,
      involvedObject: { ...sidecar.involvedObject, fieldPath: "spec.containers{proxy}" },
    };
    expect(look(started, 61, [ofSidecar])).toBeUndefined();
    // Of the run before: nothing tells when this one was asked.
    const again = { ...running, started: true, state: { running: { startedAt: at(100) } } };
    const anew = pod({ phase: "Running", container: again, spec });
    expect(look(anew, 190, [refused(2, 180)])).toBeUndefined();
    expect(look(anew, 191, [refused(2, 180)])).toBeDefined();
  });

  it("tells a closed readiness gate", () => {
    const conditions = [
      {
        type: "Ready",
        status: "False",
        reason: "ReadinessGatesNotReady",
        message: "target group",
        lastTransitionTime: BEGIN,
      },
    ];
    const one = pod({ phase: "Running", container: { ...running, ready: true }, status: { conditions } });
    expect(look(one, 31)?.what).toContain("readiness gate");
  });

  it("trusts a pod that is ready or that ends", () => {
    expect(look(readyPod("a", "set-new"), 500)).toBeUndefined();
    const ending = pod({ container: crashLoop(1, 5), metadata: { deletionTimestamp: BEGIN } });
    expect(look(ending, 500)).toBeUndefined();
  });
});

describe("pods that the API server refuses", () => {
  function refused(message: string, seconds: number) {
    const conditions = [
      { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message, lastTransitionTime: BEGIN },
    ];
    return diagnose({
      pods: [],
      replicaSet: replicaSet("set-new", "2", { conditions }),
      events: [],
      now: at(seconds),
    });
  }

  it("tells a broken Pod Security level at once", () => {
    const found = refused(
      'pods "a" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
      0,
    );
    expect(found?.what).toContain("Pod Security level");
    expect(found?.where).toBe("ReplicaSet helloworld/set-new");
    expect(found?.cause).toContain("allowPrivilegeEscalation");
  });

  it("gives a quota and others a moment", () => {
    const quota = 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2';
    expect(refused(quota, 14)).toBeUndefined();
    expect(refused(quota, 15)?.what).toContain("quota of the namespace helloworld");
    expect(refused('error looking up service account helloworld/a: serviceaccount "a" not found', 15)?.what).toBe(
      "The cluster refuses to create the pods",
    );
  });
});

describe("events", () => {
  it("are those of this pod and not of one that had its name before", () => {
    const events = [
      event("Failed", "old", { involvedObject: { name: "helloworld-new-1", uid: "another" } }),
      event("BackOff", "second", { lastTimestamp: at(2) }),
      event("Pulled", "first", { lastTimestamp: at(1), type: "Normal" }),
      event("Failed", "other", { of: "other" }),
    ];
    expect(look(pod({ container: waiting("ErrImagePull", NO_TAG) }), 1, events)?.events).toEqual([
      "Normal Pulled: first",
      "Warning BackOff: second",
    ]);
  });
});

describe("formatDiagnosis", () => {
  it("holds all that a reader needs", () => {
    const found = look(pod({ phase: "Running", container: crashLoop(1, 1) }), 3, [
      event("BackOff", "Back-off\nrestarting"),
    ]);
    if (!found) return expect.unreachable();
    const log = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`).join("\n");
    expect(formatDiagnosis(withLog(found, `${log}\npanic: no port\n`)).split("\n")).toEqual([
      "The container app exited 2 times with code 1 (pod helloworld/helloworld-new-1, container app)",
      "Likely cause: the application ended with an error; its last log lines say which",
      "Next: kubectl -n helloworld logs helloworld-new-1 -c app --previous",
      "State:",
      "  pod helloworld-new-1: Running",
      "  container app: waiting, CrashLoopBackOff: back-off 10s restarting failed container=app, before that ended with code 1 (Error), 1 restart",
      "Events:",
      "  Warning BackOff: Back-off restarting",
      "Last log lines of helloworld-new-1/app:",
      ...Array.from({ length: 19 }, (_, index) => `  line ${index + 12}`),
      "  panic: no port",
    ]);
    expect(formatDiagnosis(withLog(found, "\n"))).toContain("  (the container wrote nothing)");
  });
});
