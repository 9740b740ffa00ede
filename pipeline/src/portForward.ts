import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod, V1Service } from "@kubernetes/client-node";
import { ClusterError, firstLine } from "./clusterErrors.js";
import { isReady } from "./diagnosis.js";
import { selectorText } from "./labelSelector.js";
import type { Log } from "./steps.js";

/** How often a connection tries another pod when the one it chose has just gone. */
const FORWARD_ATTEMPTS = 3;
const TRANSIENT_PAUSE_MS = 500;

/** A way into a Service; `close` ends it and every connection through it. */
export interface Forwarding {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** The labels of the pods behind the Service, as the API takes them. */
  readonly selector: string;
  close(): Promise<void>;
}

interface Backend {
  readonly pod: string;
  readonly port: number;
}

/** The part of a WebSocket that matters here. */
export interface Closable {
  close(): void;
  terminate(): void;
  readonly readyState: number;
  addEventListener(type: "close", listener: () => void): void;
}

export type Dial = (backend: Backend, socket: Socket, onError: (text: string) => void) => Promise<Closable>;

/** The ready pods behind a Service, one after the other. */
export class Backends {
  private turn = 0;
  readonly selector: string;
  private readonly name: string;
  private readonly targetPort: number | string;
  private readonly list: (selector: string) => Promise<V1Pod[]>;

  constructor(service: V1Service, port: number, list: (selector: string) => Promise<V1Pod[]>) {
    this.list = list;
    this.name = `Service ${service.metadata?.namespace}/${service.metadata?.name}`;
    this.selector = selectorText({ matchLabels: service.spec?.selector ?? {} });
    if (!this.selector) throw new ClusterError("other", `${this.name} selects no pods: it has no selector.`);
    const ports = service.spec?.ports ?? [];
    const found = ports.find((candidate) => candidate.port === port);
    if (!found)
      throw new ClusterError(
        "other",
        `${this.name} has no port ${port}; it has ${ports.map((one) => one.port).join(", ")}.`,
      );
    this.targetPort = (found.targetPort as number | string | undefined) ?? port;
  }

  async next(): Promise<Backend> {
    const pods = await this.list(this.selector);
    const ready = pods.filter(isReady);
    const staying = ready.filter((pod) => !pod.metadata?.deletionTimestamp);
    // Where all end, those that still serve get the requests: as kube-proxy has it (KEP-1669, terminating endpoints).
    const serving = staying.length > 0 ? staying : ready;
    const pod = serving[this.turn++ % serving.length];
    if (!pod)
      throw new ClusterError(
        "not-found",
        `${this.name} has no ready pod (${pods.length} with the labels ${this.selector}).`,
      );
    return { pod: pod.metadata?.name ?? "", port: this.portOf(pod) };
  }

  private portOf(pod: V1Pod): number {
    if (typeof this.targetPort === "number") return this.targetPort;
    const ports = pod.spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
    const found = ports.find(({ name }) => name === this.targetPort);
    if (!found)
      throw new ClusterError(
        "other",
        `${this.name} wants a port called ${this.targetPort}, which the pod ${pod.metadata?.name} does not have.`,
      );
    return found.containerPort;
  }
}

export async function listen(backends: Backends, dial: Dial, localPort: number, log: Log): Promise<Forwarding> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // What a client does to its connection is its own business, and no reason for this process to end.
    socket.on("error", () => socket.destroy());
    forward(socket, backends, dial, log).catch((error: unknown) => {
      log(`a forwarded connection failed: ${error instanceof Error ? error.message : String(error)}`);
      socket.destroy();
    });
  });
  const port = await bind(server, localPort);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    selector: backends.selector,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("error", (error: NodeJS.ErrnoException) => {
      const busy = error.code === "EADDRINUSE";
      const why = busy ? "is in use by another program; choose another one" : `can't be opened: ${error.message}`;
      reject(new ClusterError("other", `The local port ${port} ${why}.`));
    });
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function forward(socket: Socket, backends: Backends, dial: Dial, log: Log): Promise<void> {
  const connection = await dialAnyone(socket, backends, dial, log);
  const end = () => socket.end();
  connection.addEventListener("close", end);
  const hangUp = () => {
    connection.close();
    // A server that is gone says no goodbye, and waiting for it would keep this process alive.
    setTimeout(() => connection.terminate(), 1000).unref();
  };
  socket.on("close", hangUp);
  // Either may have ended while the other was being opened.
  if (connection.readyState > 1) end();
  if (socket.destroyed) hangUp();
}

/** Only a connection that could not be opened is tried again: of one that broke, nobody knows what the pod has seen. */
async function dialAnyone(socket: Socket, backends: Backends, dial: Dial, log: Log): Promise<Closable> {
  for (let attempt = 1; ; attempt++) {
    try {
      const backend = await backends.next();
      return await dial(backend, socket, (text) => {
        log(`the pod ${backend.pod} can't be reached on port ${backend.port}: ${firstLine(text)}`);
        socket.destroy();
      });
    } catch (error) {
      if (attempt >= FORWARD_ATTEMPTS) throw error;
      // An API server that is busy for a moment is no fault of the application.
      if (error instanceof ClusterError && error.transient) await sleep(TRANSIENT_PAUSE_MS);
    }
  }
}
