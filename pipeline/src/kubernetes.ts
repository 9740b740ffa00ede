import type { RequestOptions } from "node:https";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import type {
  AppsV1Api,
  CoreV1Api,
  CoreV1Event,
  CustomObjectsApi,
  Health,
  KubeConfig,
  KubernetesObject,
  KubernetesObjectApi,
  PortForward,
  RequestContext,
  V1Deployment,
  V1Node,
  V1Pod,
  V1ReplicaSet,
  VersionApi,
} from "@kubernetes/client-node";
import { ClusterError, type ClusterProblem, clusterError, firstLine, SILENCE_MS } from "./clusterErrors.js";
import type { LogSource } from "./diagnosis.js";
import { type Advice, badKubeconfig, inspectKubeconfig, type KubeconfigTarget, parseKubeconfig } from "./kubeconfig.js";
import { Backends, type Closable, type Dial, type Forwarding, listen } from "./portForward.js";
import { PULL_SECRET, pullSecret, type RegistryLogin } from "./pullSecret.js";
import type { RolloutApi } from "./rollout.js";
import { type Clock, type Log, realClock } from "./steps.js";
import { toWaitLonger } from "./timeout.js";

/** The most that one call may take; an API server that is well answers in milliseconds. */
const CALL_TIMEOUT_MS = 20_000;
const POLL_MS = 200;

/** How a node is waited for. */
export interface NodePatience {
  readonly timeoutSeconds: number;
  /** Since when it must have said that it is ready: a control plane with a state from before remembers what it said then. */
  readonly since?: number;
  readonly log: Log;
  readonly clock?: Clock;
}

/** How a cluster is opened whose kubeconfig holds no credentials. */
export interface ConnectOptions {
  /** The bearer token, asked for before each call: it may be another one after a while. */
  readonly token: () => Promise<string>;
  readonly advice?: Advice;
}

/** An object by its kind and name, whatever its kind; `namespace` only where it lives in one. */
export interface ObjectReference {
  /** `apps/v1`, `helm.toolkit.fluxcd.io/v2` … */
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** An object of any kind, as the API server has it. */
export type ClusterObject = KubernetesObject & { readonly spec?: unknown; readonly status?: unknown };

/** The name under which the pipeline's fields are the pipeline's (server-side apply). */
const FIELD_MANAGER = "helloworld-infrastructure";

/**
 * Opens a cluster for calls. Nothing is sent before the first call.
 *
 * @param kubeconfig the kubeconfig itself, which stays in this process
 * @param options for a kubeconfig without credentials
 * @throws ClusterError as `inspectKubeconfig` does
 */
export async function connect(kubeconfig: string, options?: ConnectOptions): Promise<Cluster> {
  const target = { ...inspectKubeconfig(kubeconfig), advice: options?.advice };
  // Loaded here and not above: the library takes longer to load than the rest of the pipeline together.
  const kubernetes = await import("@kubernetes/client-node");
  const config = new kubernetes.KubeConfig();
  if (options) config.addAuthenticator(bearer(options.token));
  try {
    // As JSON, so that the library's parser has nothing to complain of: it shows the lines around an error.
    config.loadFromString(JSON.stringify(parseKubeconfig(kubeconfig)));
  } catch (error) {
    throw badKubeconfig(`can't be used: ${error instanceof Error ? error.message : String(error)}`);
  }
  keepConnections(config);
  return new Cluster(target, {
    core: config.makeApiClient(kubernetes.CoreV1Api),
    apps: config.makeApiClient(kubernetes.AppsV1Api),
    version: config.makeApiClient(kubernetes.VersionApi),
    custom: config.makeApiClient(kubernetes.CustomObjectsApi),
    health: new kubernetes.Health(config),
    objects: objectsClient(kubernetes, config),
    forward: new kubernetes.PortForward(config),
  });
}

/**
 * Begins to load the client library, which takes a second or two, while there is something else to wait for. Whether
 * that works is for `connect` to say.
 */
export function warmUp(): void {
  import("@kubernetes/client-node").catch(() => undefined);
}

/** Gives each call the token of the moment. */
const bearer = (token: ConnectOptions["token"]) => ({
  isAuthProvider: () => true,
  applyAuthentication: async (_: unknown, request: RequestOptions) => {
    request.headers = { ...request.headers, Authorization: `Bearer ${await token()}` };
  },
});

/**
 * The library makes an HTTP agent, and so a new TLS connection, for every call; this gives all calls the first one. A WebSocket needs a
 * connection of its own, but with the same agent it goes on with the TLS session of the one before.
 */
function keepConnections(config: KubeConfig): void {
  const apply = config.applySecurityAuthentication.bind(config);
  let shared: ReturnType<Parameters<typeof apply>[0]["getDispatcher"]>;
  config.applySecurityAuthentication = async (context) => {
    await apply(context);
    shared ??= context.getDispatcher();
    if (shared) context.setDispatcher(shared);
  };
  const applyToWebSocket = config.applyToHTTPSOptions.bind(config);
  let agent: RequestOptions["agent"];
  config.applyToHTTPSOptions = async (options) => {
    await applyToWebSocket(options);
    agent ??= options.agent;
    options.agent = agent;
  };
}

/** The library's client for objects of any kind, with calls that leave an object as it is. */
type ObjectsClient = KubernetesObjectApi & {
  apply(object: ClusterObject): Promise<ClusterObject>;
  dryRunApply(object: ClusterObject, fieldManager: string): Promise<ClusterObject>;
  readRaw(header: KubernetesObject): Promise<ClusterObject>;
  isNamespaced(apiVersion: string, kind: string): Promise<boolean>;
  patchStatus(object: ClusterObject): Promise<ClusterObject>;
};

/** RFC 7386: what is given replaces what is there, and null removes it. */
const MERGE_PATCH = "application/merge-patch+json";

/** The library's name for what it gives as it came, but for its metadata. */
const RAW = "any";

/**
 * The library's own patch sends what its models know, which loses half of a CustomResourceDefinition: `default`, `enum` and
 * `x-kubernetes-…` have other names in them.
 */
function objectsClient(kubernetes: typeof import("@kubernetes/client-node"), config: KubeConfig): ObjectsClient {
  class Objects extends kubernetes.KubernetesObjectApi {
    withNamespaceOf(from: KubeConfig): this {
      this.setDefaultNamespace(from);
      return this;
    }

    async apply(object: ClusterObject): Promise<ClusterObject> {
      return await this.requestPromise<ClusterObject>(await this.applyRequest(object, FIELD_MANAGER));
    }

    async dryRunApply(object: ClusterObject, fieldManager: string): Promise<ClusterObject> {
      const request = await this.applyRequest(object, fieldManager);
      request.setQueryParam("dryRun", "All");
      return await this.requestPromise<ClusterObject>(request, RAW);
    }

    async readRaw(header: KubernetesObject): Promise<ClusterObject> {
      const path = await this.specUriPath(header, "read");
      const request = this.configuration.baseServer.makeRequestContext(path, kubernetes.HttpMethod.GET);
      request.setHeaderParam("Accept", "application/json");
      return await this.requestPromise<ClusterObject>(request, RAW);
    }

    async patchStatus(object: ClusterObject): Promise<ClusterObject> {
      const path = `${await this.specUriPath(object, "patch")}/status`;
      return await this.requestPromise<ClusterObject>(this.patchRequest(path, MERGE_PATCH, FIELD_MANAGER, object));
    }

    async isNamespaced(apiVersion: string, kind: string): Promise<boolean> {
      return (await this.resource(apiVersion, kind))?.namespaced ?? false;
    }

    private async applyRequest(object: ClusterObject, fieldManager: string): Promise<RequestContext> {
      const path = await this.specUriPath(object, "patch");
      const request = this.patchRequest(path, "application/apply-patch+yaml", fieldManager, object);
      request.setQueryParam("force", "true");
      return request;
    }

    private patchRequest(path: string, type: string, fieldManager: string, object: ClusterObject): RequestContext {
      const request = this.configuration.baseServer.makeRequestContext(path, kubernetes.HttpMethod.PATCH);
      request.setHeaderParam("Accept", "application/json");
      request.setHeaderParam("Content-Type", type);
      request.setQueryParam("fieldManager", fieldManager);
      request.setBody(JSON.stringify(object));
      return request;
    }
  }
  return config.makeApiClient(Objects).withNamespaceOf(config);
}

interface Clients {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly version: VersionApi;
  readonly custom: CustomObjectsApi;
  readonly health: Health;
  readonly objects: ObjectsClient;
  readonly forward: PortForward;
}

/** A cluster, by the calls that the pipeline makes; made by `connect`. Every call throws ClusterError. */
export class Cluster implements RolloutApi {
  private readonly target: KubeconfigTarget;
  private readonly clients: Clients;

  constructor(target: KubeconfigTarget, clients: Clients) {
    this.target = target;
    this.clients = clients;
  }

  /** The API server's version, such as `v1.34.2`. */
  async serverVersion(): Promise<string> {
    const info = await this.call("reading the cluster's version", () => this.clients.version.getCode());
    return info.gitVersion;
  }

  getDeployment(namespace: string, name: string): Promise<V1Deployment> {
    return this.call(`reading Deployment ${namespace}/${name}`, () =>
      this.clients.apps.readNamespacedDeployment({ namespace, name }),
    );
  }

  async listReplicaSets(namespace: string, labelSelector: string): Promise<V1ReplicaSet[]> {
    const list = await this.call(`listing ReplicaSets in ${namespace}`, () =>
      this.clients.apps.listNamespacedReplicaSet({ namespace, labelSelector }),
    );
    return list.items;
  }

  async listPods(namespace: string, labelSelector: string): Promise<V1Pod[]> {
    const list = await this.call(`listing pods in ${namespace}`, () =>
      this.clients.core.listNamespacedPod({ namespace, labelSelector }),
    );
    return list.items;
  }

  async listEvents(namespace: string): Promise<CoreV1Event[]> {
    const list = await this.call(`listing events in ${namespace}`, () =>
      this.clients.core.listNamespacedEvent({ namespace }),
    );
    return list.items;
  }

  async podLog({ namespace, pod, container, previous }: LogSource, tailLines: number): Promise<string> {
    const text = await this.call(`reading the log of ${namespace}/${pod}`, () =>
      this.clients.core.readNamespacedPodLog({
        namespace,
        name: pod,
        container,
        previous,
        tailLines,
        limitBytes: 65_536,
      }),
    );
    return text ?? "";
  }

  /** An object of any kind; undefined when there is none of this name, or none of this kind. */
  async findObject(reference: ObjectReference): Promise<ClusterObject | undefined> {
    return await this.found(reference, () => this.clients.objects.read<ClusterObject>(headerOf(reference)));
  }

  /** As `findObject`, with every field under its own name: the library's models rename some, and lose those they don't know. */
  async findRaw(reference: ObjectReference): Promise<ClusterObject | undefined> {
    return await this.found(reference, () => this.clients.objects.readRaw(headerOf(reference)));
  }

  /** Whether the objects of a kind live in namespaces; those of an unknown kind live nowhere. */
  async isNamespaced(apiVersion: string, kind: string): Promise<boolean> {
    const looked = this.call(`looking up ${kind} of ${apiVersion}`, () =>
      this.clients.objects.isNamespaced(apiVersion, kind),
    );
    return (await looked.catch(ignore("not-found"))) ?? false;
  }

  /** Whether the cluster has a kind of another project, as `flagger.app/v1beta1` and `Canary`: it may not be installed. */
  async knowsKind(apiVersion: string, kind: string): Promise<boolean> {
    const [group = "", version = ""] = apiVersion.split("/");
    try {
      const list = await this.call(`listing the kinds of ${apiVersion}`, () =>
        this.clients.custom.getAPIResources({ group, version }),
      );
      return list.resources.some((one) => one.kind === kind);
    } catch (error) {
      ignore("not-found")(error);
      return false;
    }
  }

  /** All objects of a kind, in one namespace or in all. */
  async listObjects(apiVersion: string, kind: string, namespace?: string): Promise<ClusterObject[]> {
    const list = await this.call(`listing ${kind}s${namespace ? ` in ${namespace}` : ""}`, () =>
      this.clients.objects.list<ClusterObject>(apiVersion, kind, namespace),
    );
    return list.items;
  }

  /** Makes an object, or gives it these fields (server-side apply; fields of other managers are taken over). */
  async applyObject(object: ClusterObject): Promise<ClusterObject> {
    return await this.call(`applying ${objectText(object)}`, () => this.clients.objects.apply(object));
  }

  /** What an object would be if a field manager applied it (server-side apply, as `applyObject`). Changes nothing. */
  async dryRunApply(object: ClusterObject, fieldManager: string): Promise<ClusterObject> {
    return await this.call(`trying to apply ${objectText(object)}`, () =>
      this.clients.objects.dryRunApply(object, fieldManager),
    );
  }

  /** Changes fields of an object that is there: a JSON merge patch (RFC 7386), in which null removes a field. */
  async patchObject(reference: ObjectReference, change: Record<string, unknown>): Promise<ClusterObject> {
    return await this.call(`changing ${referenceText(reference)}`, () =>
      this.clients.objects.patch<ClusterObject>(
        { ...change, ...headerOf(reference, change.metadata as object | undefined) },
        undefined,
        undefined,
        FIELD_MANAGER,
        undefined,
        MERGE_PATCH,
      ),
    );
  }

  /** As `patchObject`, for what a controller keeps in an object's status. */
  async patchStatus(reference: ObjectReference, change: Record<string, unknown>): Promise<ClusterObject> {
    return await this.call(`changing the status of ${referenceText(reference)}`, () =>
      this.clients.objects.patchStatus({ ...change, ...headerOf(reference, change.metadata as object | undefined) }),
    );
  }

  /** Removes an object, and in the background what it owns; one that isn't there is no error. */
  async deleteObject(reference: ObjectReference): Promise<void> {
    await this.call(`removing ${referenceText(reference)}`, () =>
      this.clients.objects.delete(headerOf(reference)),
    ).catch(ignore("not-found"));
  }

  /** Makes a namespace, with these labels, unless there is one of this name; an existing one is left as it is. */
  async ensureNamespace(name: string, labels: Record<string, string> = {}): Promise<void> {
    const what = `making the namespace ${name}`;
    const create = () => this.clients.core.createNamespace({ body: { metadata: { name, labels } } });
    await this.call(what, create).catch(async (error: unknown) => {
      // Who may act inside of the namespace alone may not make it, and need not where it is; perhaps they may not even look.
      if (!hasProblem(error, "forbidden")) return ignore("conflict")(error);
      const look = this.call(what, () => this.clients.core.readNamespace({ name }));
      await look.catch((why: unknown) => {
        if (hasProblem(why, "not-found")) throw error;
      });
    });
  }

  /** Makes or renews the secret with which nodes pull images (`kubernetes.io/dockerconfigjson`, named `ghcr-secret`). */
  async applyPullSecret(namespace: string, login: RegistryLogin): Promise<void> {
    const body = pullSecret(namespace, login);
    const what = `writing the secret ${namespace}/${PULL_SECRET}`;
    const create = () => this.clients.core.createNamespacedSecret({ namespace, body });
    const existing = await this.call(what, create).then(
      () => undefined,
      (error: unknown) => {
        ignore("conflict")(error);
        return this.call(what, () => this.clients.core.readNamespacedSecret({ namespace, name: PULL_SECRET }));
      },
    );
    if (!existing) return;
    if (existing.type === body.type) {
      await this.call(what, () => this.clients.core.replaceNamespacedSecret({ namespace, name: PULL_SECRET, body }));
      return;
    }
    // The type of a secret can't be changed.
    await this.call(what, () => this.clients.core.deleteNamespacedSecret({ namespace, name: PULL_SECRET }));
    await this.call(what, create);
  }

  /**
   * Waits until a node is ready and the API server says so of itself: its roles come a moment after its first answers.
   *
   * @returns the node's name
   * @throws ClusterError when that takes too long, or nobody has answered for 20 s: an API server that had answered is gone then
   */
  async waitForNodeReady(options: NodePatience): Promise<string> {
    const clock = options.clock ?? realClock;
    const end = clock.now() + options.timeoutSeconds * 1000;
    let answered = clock.now();
    let last = "";
    for (;;) {
      const state = await this.nodeState(options.since ?? 0);
      if (state.ready !== undefined) return state.ready;
      if (state.text !== last) options.log(`waiting for a node: ${state.text}`);
      last = state.text;
      const now = clock.now();
      if (!state.silent) answered = now;
      if (now - answered >= SILENCE_MS) throw state.silent;
      if (now >= end)
        throw new ClusterError(
          "other",
          `No node of the cluster is ready after ${options.timeoutSeconds} s: ${last}\n${toWaitLonger(options.timeoutSeconds)}`,
        );
      await clock.sleep(POLL_MS);
    }
  }

  /**
   * Opens a local port whose connections go to the ready pods behind a Service, one after the other in turn, as the
   * Service would spread them: to such as are ending only when no other is ready. Each connection looks for a pod anew, so
   * it outlives any number of rollouts.
   *
   * @param port a port of the Service
   * @throws ClusterError when the Service or its port don't exist, no pod is ready, or the local port is taken
   */
  async portForward(
    namespace: string,
    service: string,
    port: number,
    options: { localPort?: number; log?: Log } = {},
  ): Promise<Forwarding> {
    const found = await this.call(`reading Service ${namespace}/${service}`, () =>
      this.clients.core.readNamespacedService({ namespace, name: service }),
    );
    const backends = new Backends(found, port, (selector) => this.listPods(namespace, selector));
    await backends.next();
    const dial: Dial = ({ pod, port: podPort }, socket, onError) => this.dial(namespace, pod, podPort, socket, onError);
    return listen(backends, dial, options.localPort ?? 0, options.log ?? (() => undefined));
  }

  private async found(
    reference: ObjectReference,
    read: () => Promise<ClusterObject>,
  ): Promise<ClusterObject | undefined> {
    try {
      return await this.call(`reading ${referenceText(reference)}`, read);
    } catch (error) {
      if (!isUnknownKind(error)) ignore("not-found")(error);
      return undefined;
    }
  }

  private async nodeState(since: number): Promise<{ ready?: string; text: string; silent?: ClusterError }> {
    try {
      const { items } = await this.call("listing nodes", () => this.clients.core.listNode());
      const ready = items.find((node) => isNodeReady(node, since) && !node.spec?.unschedulable);
      if (!ready) return { text: items.map(describeNode).join("; ") || "there is none yet" };
      if (!(await this.call("reading /readyz", () => this.clients.health.readyz({}))))
        return { text: "one is ready, the API server is not yet" };
      return { ready: ready.metadata?.name ?? "", text: "" };
    } catch (error) {
      if (!(error instanceof ClusterError && error.transient)) throw error;
      return { text: error.message, ...(error.problem === "unreachable" && { silent: error }) };
    }
  }

  private async dial(
    namespace: string,
    pod: string,
    port: number,
    socket: Socket,
    onError: (text: string) => void,
  ): Promise<Closable> {
    const errors = new Writable({
      write: (chunk: Buffer, _, done) => {
        if (chunk.length > 0) onError(chunk.toString("utf8"));
        done();
      },
    });
    const opening = this.clients.forward.portForward(namespace, pod, [port], socket, errors, socket);
    try {
      const connection = await this.call(`forwarding to ${namespace}/${pod}`, () => opening);
      if (typeof connection === "function") throw new Error("the library gave no connection");
      return connection;
    } catch (error) {
      // One that opens after its time would stay, and the call with it.
      opening.then(
        (late) => typeof late !== "function" && late.terminate(),
        () => undefined,
      );
      throw error;
    }
  }

  private async call<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await inTime(action());
    } catch (error) {
      throw clusterError(error, what, this.target);
    }
  }
}

/** The client library looks a kind up before it asks for an object, and has no code for one that the server doesn't know. */
const isUnknownKind = (error: unknown) =>
  error instanceof Error && /Unrecognized API version and kind/.test(error.message);

function headerOf({ apiVersion, kind, namespace, name }: ObjectReference, metadata: object = {}) {
  return { apiVersion, kind, metadata: { ...metadata, name, ...(namespace && { namespace }) } };
}

function referenceText({ kind, namespace, name }: ObjectReference): string {
  return `${kind} ${namespace ? `${namespace}/` : ""}${name}`;
}

function objectText({ kind = "object", metadata }: ClusterObject): string {
  return referenceText({ apiVersion: "", kind, namespace: metadata?.namespace, name: metadata?.name ?? "" });
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error(`no answer within ${CALL_TIMEOUT_MS / 1000} s`), { code: "ETIMEDOUT" });
    timer = setTimeout(() => reject(error), CALL_TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(problem: ClusterProblem): (error: unknown) => void {
  return (error) => {
    if (!hasProblem(error, problem)) throw error;
  };
}

const hasProblem = (error: unknown, problem: ClusterProblem) =>
  error instanceof ClusterError && error.problem === problem;

function condition(node: V1Node, type: string) {
  return node.status?.conditions?.find((candidate) => candidate.type === type);
}

function isNodeReady(node: V1Node, since: number): boolean {
  const ready = condition(node, "Ready");
  // In whole seconds, as Kubernetes tells time.
  return ready?.status === "True" && new Date(ready.lastHeartbeatTime ?? 0).getTime() >= since - (since % 1000);
}

function describeNode(node: V1Node): string {
  const ready = condition(node, "Ready");
  return `${node.metadata?.name}: ${ready?.reason ?? "no state yet"}${ready?.message ? ` (${firstLine(ready.message)})` : ""}`;
}
