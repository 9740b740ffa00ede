import type { CoreV1Event, V1Container, V1ContainerStatus, V1Pod, V1ReplicaSet } from "@kubernetes/client-node";

/** Why a rollout can't come good, for a person who has to do something about it. */
export interface Diagnosis {
  /** What failed, in a sentence. */
  readonly what: string;
  /** The object (and container) that shows it. */
  readonly where: string;
  /** The likely cause. */
  readonly cause: string;
  /** What to do next, mostly a command. */
  readonly next: string;
  /** The pod's state, one line for the pod and for each container. */
  readonly state: readonly string[];
  /** The last events of the object, oldest first. */
  readonly events: readonly string[];
  /** The last log lines of the container that failed. */
  readonly log: readonly string[];
  /** Whose log belongs to it; none when no container has run. */
  readonly logSource?: LogSource;
}

/** A container whose log tells more. */
export interface LogSource {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The log of the run before the present one: after a crash, that is the one with the reason. */
  readonly previous: boolean;
}

/** How long to hope, in seconds. */
export interface Patience {
  /** From a container's start until it must be ready. */
  readonly readyWithinSeconds: number;
  /** Until a pod must have a node. Where nodes are made on demand, give them the time that takes. */
  readonly scheduledWithinSeconds: number;
  /** For what another controller may be about to bring (a secret, a quota, the pod's network) or what the network may heal. */
  readonly settledWithinSeconds: number;
  /** For a registry that does not answer: it may be restarting, and the kubelet asks it less often each time. */
  readonly registryAwaySeconds: number;
  /** How often a container may exit before it is hopeless. The second exit comes within seconds, the third after a pause. */
  readonly hopelessCrashes: number;
}

/** For a cluster that has its nodes. */
export const defaultPatience: Patience = {
  readyWithinSeconds: 30,
  scheduledWithinSeconds: 20,
  settledWithinSeconds: 15,
  registryAwaySeconds: 60,
  hopelessCrashes: 2,
};

/** What there is to look at. */
export interface Situation {
  readonly pods: readonly V1Pod[];
  /** The ReplicaSet that makes the pods, where there is one. */
  readonly replicaSet?: V1ReplicaSet;
  /** Events of the namespace; those of other objects are left aside. */
  readonly events: readonly CoreV1Event[];
  readonly now: Date;
  readonly patience?: Partial<Patience>;
}

const EVENT_LINES = 8;
/** Enough of a log to see why something failed. */
export const LOG_LINES = 20;

type Finding = Pick<Diagnosis, "what" | "cause" | "next"> & { container?: string; previousLog?: boolean };

/**
 * Says why pods can't become ready, or nothing when they still may. A pod that is being deleted counts for nothing, nor does one
 * that its node gave up and whose ReplicaSet has another.
 * Sources of the rules: the waiting and termination reasons of the kubelet (pkg/kubelet/kuberuntime, images/types.go)
 * and containerd's error texts.
 */
export function diagnose(situation: Situation): Diagnosis | undefined {
  const patience = { ...defaultPatience, ...situation.patience };
  for (const pod of situation.pods) {
    if (isLeaving(pod) || isReady(pod) || isMadeAnew(pod, situation, patience)) continue;
    const events = eventsOf(pod, situation.events);
    const finding = diagnosePod({ pod, events, now: situation.now, patience });
    if (finding) return podDiagnosis(pod, events, finding);
  }
  return situation.replicaSet && diagnoseReplicaSet(situation.replicaSet, situation, patience);
}

/** The text for an error: what, where, cause, next step, then the evidence. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const source = diagnosis.logSource;
  return [
    `${diagnosis.what} (${diagnosis.where})`,
    `Likely cause: ${diagnosis.cause}`,
    `Next: ${diagnosis.next}`,
    ...section("State:", diagnosis.state),
    ...section("Events:", diagnosis.events),
    ...section(`Last log lines of ${source ? `${source.pod}/${source.container}` : "the container"}:`, diagnosis.log),
  ].join("\n");
}

/** The diagnosis with the end of a log. */
export function withLog(diagnosis: Diagnosis, log: string): Diagnosis {
  const lines = log.trimEnd().split(/\r?\n/).slice(-LOG_LINES);
  return { ...diagnosis, log: lines.join("") === "" ? ["(the container wrote nothing)"] : lines };
}

/** One line for a pod and one for each of its containers: phase, reasons, restarts, exit codes. */
export function podState(pod: V1Pod): string[] {
  const status = pod.status;
  const reason = status?.reason ? `, ${status.reason}: ${status.message ?? ""}` : "";
  const unmet = (status?.conditions ?? [])
    .filter((condition) => condition.status !== "True" && condition.message)
    .map((condition) => `, ${condition.type} is ${condition.status}: ${condition.message}`);
  const head = `pod ${pod.metadata?.name ?? "?"}: ${status?.phase ?? "Unknown"}${reason}${unmet.join("")}`;
  return [
    head,
    ...containerStatuses(pod).map((container) => `container ${container.name}: ${containerState(container)}`),
  ];
}

/**
 * Events in one line each, the newest last, at most eight. Most have whole seconds, and those of one second stay as the API lists
 * them: by their names, which end in the time.
 */
export function eventLines(events: readonly CoreV1Event[]): string[] {
  const second = (event: CoreV1Event) => Math.floor(eventTime(event) / 1000);
  return [...events]
    .sort((a, b) => second(a) - second(b))
    .slice(-EVENT_LINES)
    .map((event) => {
      const count = event.series?.count ?? event.count ?? 1;
      return `${event.type ?? "Normal"} ${event.reason ?? ""}${count > 1 ? ` (${count} times)` : ""}: ${oneLine(event.message ?? "")}`;
    });
}

/** The events about one object. By its uid, as a name may have been used before. */
export function eventsOf(
  object: { metadata?: { uid?: string; name?: string } },
  events: readonly CoreV1Event[],
): CoreV1Event[] {
  return events.filter(({ involvedObject }) =>
    involvedObject.uid && object.metadata?.uid
      ? involvedObject.uid === object.metadata.uid
      : involvedObject.name === object.metadata?.name,
  );
}

/** Whether a pod's Ready condition holds. */
export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

interface PodCase {
  readonly pod: V1Pod;
  readonly events: readonly CoreV1Event[];
  readonly now: Date;
  readonly patience: Patience;
}

function diagnosePod(subject: PodCase): Finding | undefined {
  return (
    failedPod(subject) ??
    containerStatuses(subject.pod)
      .map((container) => diagnoseContainer(subject, container))
      .find((finding) => finding !== undefined) ??
    unschedulable(subject) ??
    stuckStarting(subject) ??
    neverReady(subject)
  );
}

function diagnoseContainer(subject: PodCase, container: V1ContainerStatus): Finding | undefined {
  const finding = pullFailure(subject, container) ?? configFailure(subject, container) ?? crash(subject, container);
  return finding && { container: container.name, ...finding };
}

// --- images -----------------------------------------------------------------------------------------------------------

const PULL_REASONS = [
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "RegistryUnavailable",
];
const UNREACHABLE =
  /no such host|server misbehaving|dial tcp|connection refused|connection reset|server closed idle connection|broken pipe|i\/o timeout|deadline exceeded|TLS handshake|x509:|HTTP response to HTTPS client|\bEOF\b|\b50[234]\b/i;
const REFUSED =
  /\b(401|403)\b|unauthorized|forbidden|access denied|: denied|authorization failed|insufficient_scope|no basic auth credentials|authentication required/i;
const NOT_FOUND = /not found|manifest unknown|name unknown|\b404\b/i;

function pullFailure(subject: PodCase, container: V1ContainerStatus): Finding | undefined {
  const reason = container.state?.waiting?.reason ?? "";
  if (!PULL_REASONS.includes(reason)) return undefined;
  const image = imageOf(subject.pod, container);
  if (reason === "InvalidImageName")
    return {
      what: `"${image}" is no image reference`,
      cause: "image.repository or image.tag in the values is misspelt",
      next: "correct spec.values.image in release.yaml",
    };
  if (reason === "ErrImageNeverPull")
    return {
      what: `The node doesn't have the image ${image} and may not pull it`,
      cause: "image.pullPolicy is Never",
      next: "set spec.values.image.pullPolicy to IfNotPresent in release.yaml",
    };
  const said = pullMessages(subject, container);
  // The order matters: "lookup ghcr.io: no such host" and "not found" would match each other's rule.
  if (UNREACHABLE.test(said)) return registryUnreachable(subject, image, said);
  if (REFUSED.test(said)) return registryRefuses(subject, image, said);
  if (NOT_FOUND.test(said)) return noSuchImage(image, subject.pod);
  if (isNewOnNode(subject)) return undefined;
  return {
    what: `The node can't pull the image ${image}`,
    cause: said || "the kubelet gives no reason",
    next: `kubectl -n ${namespaceOf(subject.pod)} describe pod ${subject.pod.metadata?.name}`,
  };
}

const failedPulls = ({ events }: PodCase, image: string) =>
  events.filter(
    ({ reason, message }) =>
      reason === "Failed" && message?.startsWith("Failed to pull image") && message.includes(image),
  );

/** The kubelet's reason is in the container's state at the first failure, and later often in the events only. */
function pullMessages(subject: PodCase, container: V1ContainerStatus): string {
  const waiting = container.state?.waiting;
  const image = imageOf(subject.pod, container);
  const newest = eventLines(failedPulls(subject, image)).at(-1) ?? "";
  // Names and addresses go: the 401 in a tag v1.401.0 is no status.
  return [waiting?.message ?? "", newest]
    .join("\n")
    .replaceAll(image, "IMAGE")
    .replace(/https?:\/\/[^\s"]+/g, "URL")
    .trim();
}

const NAME_UNKNOWN = /no such host|server misbehaving/i;
const UNTRUSTED = /x509:/i;

function registryUnreachable(subject: PodCase, image: string, said: string): Finding | undefined {
  const { settledWithinSeconds, registryAwaySeconds } = subject.patience;
  const comesBack = !NAME_UNKNOWN.test(said) && !UNTRUSTED.test(said);
  if (ageOnNode(subject) < (comesBack ? registryAwaySeconds : settledWithinSeconds)) return undefined;
  const host = registryOf(image);
  return {
    what: `The node can't reach the registry ${host}`,
    cause: NAME_UNKNOWN.test(said)
      ? `the name ${host} has no address in the node's DNS`
      : UNTRUSTED.test(said)
        ? `the node doesn't trust the certificate of ${host}`
        : `no connection from the node to ${host} (network, proxy, firewall, or the registry is down)`,
    next: `from the node's network: curl -sSI https://${host}/v2/`,
  };
}

function registryRefuses(subject: PodCase, image: string, said: string): Finding | undefined {
  const { pod, events } = subject;
  const namespace = namespaceOf(pod);
  const host = registryOf(image);
  const names = (pod.spec?.imagePullSecrets ?? []).map(({ name }) => name ?? "?");
  const missing = events.some(({ reason }) => reason === "FailedToRetrieveImagePullSecret");
  // A kubelet may read a pod's secrets only once the API server has seen that the pod is its own, so that the first try can
  // miss a secret that is there. It tries again after ten seconds, or somewhat later on a node that has much to do.
  const tries = failedPulls(subject, image).reduce((sum, { count }) => sum + (count ?? 1), 0);
  if (missing && tries < 2 && ageOnNode(subject) < 3 * subject.patience.settledWithinSeconds) return undefined;
  const status =
    /\b(401|403)\b/.exec(said)?.[1] ??
    (/unauthorized|basic auth|authentication|authorization failed/i.test(said) ? "401" : "403");
  const secret = names[0] ?? "ghcr-secret";
  const cause =
    names.length === 0
      ? "the pod has no imagePullSecrets: the chart's values must name ghcr-secret"
      : missing
        ? `the secret ${names.join(", ")} does not exist in the namespace ${namespace}`
        : `the token in the secret ${secret} has expired, lacks the scope read:packages, or may not read ${repositoryOf(image)} (a private registry answers the same to a misspelt repository)`;
  return {
    what: `The registry ${host} refuses to give the image ${image} (${status})`,
    cause,
    next:
      `put a GHCR_PAT with the scope read:packages into the secret: kubectl -n ${namespace} create secret docker-registry ${secret} ` +
      `--docker-server=${host} --docker-username=<user> --docker-password="$GHCR_PAT" --dry-run=client -o yaml | kubectl apply -f -`,
  };
}

function noSuchImage(image: string, pod: V1Pod): Finding {
  const repository = repositoryOf(image);
  return {
    what: `The image ${image} does not exist: the registry ${registryOf(image)} has no such tag`,
    cause: `${tagOf(image)} was never published in ${repository}, or the repository's name is misspelt`,
    next: `see which tags there are: crane ls ${repository} (the pod ${pod.metadata?.name} asked for ${image})`,
  };
}

function imageOf(pod: V1Pod, container: V1ContainerStatus): string {
  return containerSpec(pod, container.name)?.image ?? container.image;
}

/** Docker's rule: the first part is a host when it has a dot or a port, or is `localhost`; without one it is Docker Hub. */
function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") ? first : "docker.io";
}

function repositoryOf(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}

function tagOf(image: string): string {
  return image.slice(repositoryOf(image).length).replace(/^[:@]/, "") || "latest";
}

// --- containers -------------------------------------------------------------------------------------------------------

function configFailure(subject: PodCase, container: V1ContainerStatus): Finding | undefined {
  const { reason = "", message = "" } = container.state?.waiting ?? {};
  if (!["CreateContainerConfigError", "CreateContainerError", "RunContainerError"].includes(reason)) return undefined;
  const name = subject.pod.metadata?.name;
  const namespace = namespaceOf(subject.pod);
  const absent = /(secret|configmap) "([^"]+)" not found/i.exec(message);
  if (absent) return isNewOnNode(subject) ? undefined : absentObject(absent, namespace);
  if (/runAsNonRoot|non-numeric user/i.test(message))
    return {
      what: `The container ${container.name} may not start as the user of its image`,
      cause: oneLine(message),
      next: "give the image a numeric USER, or set podSecurityContext.runAsUser in the values",
    };
  // A name that is still taken, or a runtime that is busy, heals; a command that isn't there does not.
  const hopeless = /not found|no such file|permission denied|exec format error/i.test(message);
  if (!hopeless && isNewOnNode(subject)) return undefined;
  return {
    what: `The container ${container.name} can't be created (${reason})`,
    cause: oneLine(message) || "the kubelet gives no reason",
    next: `kubectl -n ${namespace} describe pod ${name}`,
  };
}

function absentObject([, kind = "", name = ""]: RegExpExecArray, namespace: string): Finding {
  return {
    what: `The ${kind.toLowerCase()} ${name} does not exist in the namespace ${namespace}`,
    cause: "nothing made it: not the chart, not External Secrets, not Terraform",
    next: `kubectl -n ${namespace} get ${kind.toLowerCase()}s`,
  };
}

function crash(subject: PodCase, container: V1ContainerStatus): Finding | undefined {
  const current = container.state?.terminated;
  const ended = current ?? container.lastState?.terminated;
  // While it runs again it may come good: whether it does is for its probes to say.
  if (!ended || container.state?.running) return undefined;
  if (isInit(subject.pod, container) && ended.exitCode === 0) return undefined;
  const crashes = container.restartCount + 1;
  const restarts = subject.pod.spec?.restartPolicy !== "Never";
  if (!current && container.state?.waiting?.reason !== "CrashLoopBackOff") return undefined;
  if (!restarts && ended.exitCode === 0) return undefined;
  if (restarts && crashes < subject.patience.hopelessCrashes) return undefined;
  const times = crashes > 1 ? ` ${crashes} times` : "";
  return {
    ...crashCause(subject, container, ended.reason ?? "", ended.exitCode, ended.message ?? ""),
    what:
      ended.reason === "OOMKilled"
        ? `The container ${container.name} was killed${times}: it used more memory than its limit`
        : `The container ${container.name} exited${times} with code ${ended.exitCode}`,
    previousLog: !current,
  };
}

function crashCause(
  { pod, events }: PodCase,
  container: V1ContainerStatus,
  reason: string,
  code: number,
  message: string,
): Pick<Finding, "cause" | "next"> {
  const logs = `kubectl -n ${namespaceOf(pod)} logs ${pod.metadata?.name} -c ${container.name} --previous`;
  const limit = containerSpec(pod, container.name)?.resources?.limits?.memory;
  if (reason === "OOMKilled")
    return {
      cause: `the memory limit${limit ? ` of ${limit}` : ""} is too small, or this version needs more than the one before`,
      next: "raise spec.values.resources.limits.memory in release.yaml, or fix the leak",
    };
  const killed = events.find(
    ({ reason: why, message: text }) => why === "Killing" && /failed (liveness|startup) probe/.test(text ?? ""),
  );
  if (killed) return { cause: `the kubelet restarts it: ${oneLine(killed.message ?? "")}`, next: logs };
  if (reason === "ContainerCannotRun" || reason === "StartError" || code === 126 || code === 127)
    return { cause: `its command can't be started${message ? `: ${oneLine(message)}` : ""}`, next: logs };
  if (code === 0) return { cause: "it ended by itself, and a server has to keep running", next: logs };
  const signal = code > 128 && code < 160 ? ` (signal ${code - 128})` : "";
  return {
    cause: `the application ended with an error${signal}${message ? `: ${oneLine(message)}` : "; its last log lines say which"}`,
    next: logs,
  };
}

// --- pods -------------------------------------------------------------------------------------------------------------

/** Whether a pod's ReplicaSet has another one for it, or may be about to make it: the kubelet evicts and refuses good ones too. */
function isMadeAnew(pod: V1Pod, { pods, replicaSet, now }: Situation, { settledWithinSeconds }: Patience): boolean {
  if (!replicaSet || !hasFailed(pod)) return false;
  return pods.some((other) => !hasFailed(other) && !isLeaving(other)) || unchangedFor(pod, now) < settledWithinSeconds;
}

/** Whether a pod's phase is Failed: of a ReplicaSet's pod, whose containers are always restarted, its node has given it up. */
export const hasFailed = (pod: V1Pod): boolean => pod.status?.phase === "Failed";

const isLeaving = (pod: V1Pod): boolean => Boolean(pod.metadata?.deletionTimestamp);

/** A pod that the kubelet gave up as a whole (Evicted, NodeLost, DeadlineExceeded); exits of containers are told better elsewhere. */
function failedPod({ pod }: PodCase): Finding | undefined {
  if (!hasFailed(pod) || !pod.status?.reason) return undefined;
  return {
    what: `The pod failed: ${pod.status.reason}`,
    cause: oneLine(pod.status.message ?? "the node gives no reason"),
    next: `kubectl -n ${namespaceOf(pod)} describe pod ${pod.metadata?.name}`,
  };
}

function unschedulable(subject: PodCase): Finding | undefined {
  const { pod, events, patience } = subject;
  const condition = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (condition?.status !== "False" || condition.reason !== "Unschedulable") return undefined;
  // Karpenter and the cluster autoscaler say on the pod when they are making a node for it.
  if (events.some(({ reason }) => reason === "Nominated" || reason === "TriggeredScaleUp")) return undefined;
  if (age(subject) < patience.scheduledWithinSeconds) return undefined;
  return {
    what: `No node can take the pod for ${Math.round(age(subject))} s`,
    cause: `the scheduler says: ${oneLine(condition.message ?? "")}`,
    next: `compare spec.values.resources, nodeSelector and tolerations with: kubectl describe nodes (and kubectl get nodeclaims where Karpenter makes them)`,
  };
}

function stuckStarting(subject: PodCase): Finding | undefined {
  const { pod, events } = subject;
  if (pod.status?.phase !== "Pending" || isNewOnNode(subject)) return undefined;
  const started = containerStatuses(pod).some(({ state }) => state?.running || state?.terminated);
  if (started) return undefined;
  const [trouble] = [...events]
    .filter(({ reason }) =>
      ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NetworkNotReady"].includes(reason ?? ""),
    )
    .sort((a, b) => eventTime(b) - eventTime(a));
  if (!trouble) return undefined;
  // What comes after sandbox and volumes: a kubelet that got there has mended them since.
  const further = events.filter(({ reason }) => ["Pulling", "Pulled", "Created", "Started"].includes(reason ?? ""));
  if (further.some((event) => eventTime(event) >= eventTime(trouble))) return undefined;
  const message = oneLine(trouble.message ?? "");
  const absent = /(secret|configmap) "([^"]+)" not found/i.exec(message);
  if (absent) return absentObject(absent, namespaceOf(pod));
  return {
    what: `The pod can't start (${trouble.reason})`,
    cause: message,
    next: `kubectl -n ${namespaceOf(pod)} describe pod ${pod.metadata?.name}`,
  };
}

function neverReady(subject: PodCase): Finding | undefined {
  const { pod, events, now, patience } = subject;
  if (pod.status?.phase !== "Running") return undefined;
  for (const container of pod.status.containerStatuses ?? []) {
    const since = container.state?.running?.startedAt;
    if (container.ready || !since) continue;
    const spec = containerSpec(pod, container.name);
    const running = secondsBetween(since, now);
    const failures = events.filter(
      (event) =>
        event.reason === "Unhealthy" &&
        /^(Readiness|Startup) probe/.test(event.message ?? "") &&
        isAbout(event, container.name),
    );
    const asked = spec?.startupProbe && container.started ? firstReadinessFailure(failures, since) : undefined;
    const ahead = asked ? 0 : secondsToStart(spec) + (spec?.readinessProbe?.initialDelaySeconds ?? 0);
    if (secondsBetween(asked ?? since, now) <= patience.readyWithinSeconds + ahead) continue;
    const last = failures.sort((a, b) => eventTime(a) - eventTime(b)).at(-1)?.message;
    return {
      container: container.name,
      what: `The container ${container.name} runs for ${Math.round(running)} s and is not ready`,
      cause: last ? readinessCause(oneLine(last)) : "its readiness probe has not succeeded",
      next: `kubectl -n ${namespaceOf(pod)} logs ${pod.metadata?.name} -c ${container.name}`,
    };
  }
  return gated(subject);
}

/** Whether an event of a pod is about this container; one that names none may be. */
const isAbout = ({ involvedObject }: CoreV1Event, container: string) =>
  !involvedObject.fieldPath || involvedObject.fieldPath.endsWith(`{${container}}`);

/**
 * When a container that runs since `since` was first refused by its readiness probe, which the kubelet asks once the startup probe has
 * succeeded: nothing else tells when that was. Not known where the API server has put the event of a run before on one with it.
 */
function firstReadinessFailure(failures: readonly CoreV1Event[], since: Date | string): Date | undefined {
  const begin = Math.floor(new Date(since).getTime() / 1000) * 1000; // events have whole seconds
  const times = failures
    .filter(({ message }) => /^Readiness/.test(message ?? ""))
    .map((event) =>
      new Date(event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? 0).getTime(),
    )
    .filter((time) => time >= begin);
  return times.length > 0 ? new Date(Math.min(...times)) : undefined;
}

/** For how long the kubelet lets a container start before it kills it, in seconds; none without a startup probe. */
function secondsToStart(spec: V1Container | undefined): number {
  const probe = spec?.startupProbe;
  if (!probe) return 0;
  return (probe.initialDelaySeconds ?? 0) + (probe.failureThreshold ?? 3) * (probe.periodSeconds ?? 10);
}

function readinessCause(message: string): string {
  if (/statuscode: \d+/.test(message)) return `the application answers its probe with an error: ${message}`;
  if (/connection refused/i.test(message)) return `nothing listens on the probe's port: ${message}`;
  if (/deadline exceeded|timeout/i.test(message)) return `the application is too slow for its probe: ${message}`;
  return message;
}

/** All containers are ready and the pod is not: someone else has to open a gate (a load balancer's target group). */
function gated({ pod, now, patience }: PodCase): Finding | undefined {
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.reason !== "ReadinessGatesNotReady") return undefined;
  const since = ready.lastTransitionTime ?? pod.status?.startTime;
  if (!since || secondsBetween(since, now) <= patience.readyWithinSeconds) return undefined;
  return {
    what: "The containers are ready, but a readiness gate of the pod is closed",
    cause: oneLine(ready.message ?? ""),
    next: `kubectl -n ${namespaceOf(pod)} describe pod ${pod.metadata?.name} (for an ALB: the target group's health checks)`,
  };
}

// --- ReplicaSets ------------------------------------------------------------------------------------------------------

/** Pods that the API server refuses are to be seen in their ReplicaSet only. */
function diagnoseReplicaSet(set: V1ReplicaSet, situation: Situation, patience: Patience): Diagnosis | undefined {
  const condition = set.status?.conditions?.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  if (!condition) return undefined;
  const message = oneLine(condition.message ?? "");
  const since = condition.lastTransitionTime;
  const waited = since ? secondsBetween(since, situation.now) : 0;
  const final = /violates PodSecurity|denied the request|is invalid/i.test(message);
  if (!final && waited < patience.settledWithinSeconds) return undefined;
  const namespace = set.metadata?.namespace ?? "default";
  return {
    ...refusedPod(message, namespace),
    where: `ReplicaSet ${namespace}/${set.metadata?.name}`,
    state: [`replicas: ${set.status?.replicas ?? 0} of ${set.spec?.replicas ?? 0} created`],
    events: eventLines(eventsOf(set, situation.events)),
    log: [],
  };
}

function refusedPod(message: string, namespace: string): Pick<Diagnosis, "what" | "cause" | "next"> {
  if (/violates PodSecurity/i.test(message))
    return {
      what: "The cluster refuses the pods: they break the namespace's Pod Security level",
      cause: message,
      next: "correct podSecurityContext and securityContext in the chart's values",
    };
  if (/exceeded quota|must specify/i.test(message))
    return {
      what: `The cluster refuses the pods: the quota of the namespace ${namespace} is used up`,
      cause: message,
      next: `kubectl -n ${namespace} describe resourcequota`,
    };
  return {
    what: "The cluster refuses to create the pods",
    cause: message,
    next: `kubectl -n ${namespace} get events --sort-by=.lastTimestamp`,
  };
}

// --- shared -----------------------------------------------------------------------------------------------------------

function podDiagnosis(pod: V1Pod, events: readonly CoreV1Event[], finding: Finding): Diagnosis {
  const { container, previousLog = false, what, cause, next } = finding;
  const namespace = namespaceOf(pod);
  const name = pod.metadata?.name ?? "?";
  const hook = pod.metadata?.annotations?.["helm.sh/hook"];
  const hasRun = container !== undefined && hasLog(pod, container);
  return {
    what,
    cause,
    next,
    where: `${hook ? `Helm hook ${hook}, ` : ""}pod ${namespace}/${name}${container ? `, container ${container}` : ""}`,
    state: podState(pod),
    events: eventLines(events),
    log: [],
    ...(hasRun && { logSource: { namespace, pod: name, container, previous: previousLog } }),
  };
}

function hasLog(pod: V1Pod, name: string): boolean {
  const status = containerStatuses(pod).find((container) => container.name === name);
  return Boolean(status?.state?.running || status?.state?.terminated || status?.lastState?.terminated);
}

function containerStatuses(pod: V1Pod): V1ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}

function containerSpec(pod: V1Pod, name: string): V1Container | undefined {
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((spec) => spec.name === name);
}

function isInit(pod: V1Pod, container: V1ContainerStatus): boolean {
  return pod.status?.initContainerStatuses?.includes(container) ?? false;
}

function containerState({ state, lastState, restartCount, ready }: V1ContainerStatus): string {
  const parts: string[] = [];
  if (state?.waiting) parts.push(`waiting, ${state.waiting.reason ?? ""}${detail(state.waiting.message)}`);
  if (state?.running) parts.push(`running${ready ? ", ready" : ", not ready"}`);
  if (state?.terminated) parts.push(exit("ended", state.terminated));
  if (lastState?.terminated) parts.push(exit("before that ended", lastState.terminated));
  if (restartCount > 0) parts.push(`${restartCount} restart${restartCount > 1 ? "s" : ""}`);
  return parts.join(", ") || "not started";
}

function exit(
  verb: string,
  { exitCode, reason, message }: { exitCode: number; reason?: string; message?: string },
): string {
  return `${verb} with code ${exitCode}${reason ? ` (${reason})` : ""}${detail(message)}`;
}

function detail(message: string | undefined): string {
  return message ? `: ${oneLine(message)}` : "";
}

/** Seconds since a node has the pod: it may have waited for a minute until that one was made, and the kubelet knows nothing before. */
function ageOnNode(subject: PodCase): number {
  const scheduled = subject.pod.status?.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "True",
  );
  return scheduled?.lastTransitionTime ? secondsBetween(scheduled.lastTransitionTime, subject.now) : age(subject);
}

/** Whether the kubelet may still mend by itself what it stumbles over with a new pod. */
const isNewOnNode = (subject: PodCase) => ageOnNode(subject) < subject.patience.settledWithinSeconds;

/** Seconds since the pod was made. */
function age({ pod, now }: PodCase): number {
  const since = pod.metadata?.creationTimestamp ?? pod.status?.startTime;
  return since ? secondsBetween(since, now) : 0;
}

/** Seconds since the last change that a pod's conditions tell: an eviction is one of them. */
function unchangedFor({ metadata, status }: V1Pod, now: Date): number {
  const changes = (status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime);
  const times = [metadata?.creationTimestamp, ...changes].flatMap((time) => (time ? secondsBetween(time, now) : []));
  return Math.min(...times);
}

/** Clocks of cluster and caller differ: what seems to lie in the future counts as now. */
function secondsBetween(since: Date | string, now: Date): number {
  return Math.max(0, (now.getTime() - new Date(since).getTime()) / 1000);
}

function eventTime(event: CoreV1Event): number {
  const time =
    event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
  return time ? new Date(time).getTime() : 0;
}

function namespaceOf(pod: V1Pod): string {
  return pod.metadata?.namespace ?? "default";
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}
