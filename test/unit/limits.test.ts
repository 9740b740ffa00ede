// What does not answer, or is held by another, is told in good time. A second of these limits takes ten milliseconds here.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Secret, Service } from "@dagger.io/dagger";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AwsSession, openAwsSession } from "../../pipeline/src/aws.js";
import { ofKustomization } from "../../pipeline/src/desiredState.js";
import { findEksCluster } from "../../pipeline/src/eks.js";
import type { Cluster } from "../../pipeline/src/kubernetes.js";
import { initCommand } from "../../pipeline/src/terraform.js";
import { temporaryFolder } from "./temporary.js";

const realTimeout = globalThis.setTimeout;

/** Takes connections, and never says anything. */
let server: Server;
const connections = new Set<Socket>();
let url: string;

beforeEach(async () => {
  server = createServer((socket) => connections.add(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubGlobal("setTimeout", (work: () => void, ms = 0, ...rest: []) => realTimeout(work, ms / 100, ...rest));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  for (const socket of connections) socket.destroy();
  connections.clear();
  server.close();
});

describe("AWS", () => {
  const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" };
  const credentials = { plaintext: async () => JSON.stringify({ Version: 1, ...capitalized(keys) }) } as Secret;
  const logIn = () => {
    const service = { start: async () => service, endpoint: async () => url } as unknown as Service;
    return openAwsSession({ credentials, endpoint: service }, "eu-west-1");
  };
  const findCluster = () => {
    const session = { credentials: keys, region: "eu-west-1", account: "1", endpoint: { url } };
    return findEksCluster(session as AwsSession, "dev-helloworld");
  };

  it.each([
    ["AWS' STS in eu-west-1", logIn],
    ["EKS in eu-west-1", findCluster],
  ])("that takes connections and gives no answer is %s, tried three times", async (service, call) => {
    await expect(call()).rejects.toThrow(
      `${service} does not answer: a request has exceeded the configured 20000 ms requestTimeout. See whether this machine reaches AWS`,
    );
    expect(connections.size).toBe(3);
  });

  it.each([
    ["AWS' STS in eu-west-1", logIn],
    ["EKS in eu-west-1", findCluster],
  ])("that takes no connection is %s", async (service, call) => {
    server.close();
    await once(server, "close");
    await expect(call()).rejects.toThrow(`${service} does not answer: connect ECONNREFUSED`);
  });
});

/** As `aws configure export-credentials` writes them. */
const capitalized = ({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }) => ({
  AccessKeyId: accessKeyId,
  SecretAccessKey: secretAccessKey,
});

it("Flux's source-controller that does not give an artifact is named", async () => {
  const signal = AbortSignal.timeout(50);
  const limit = vi.spyOn(AbortSignal, "timeout").mockReturnValue(signal);
  const artifact = { url: "http://source-controller.flux-system.svc.cluster.local./a.tar.gz", revision: "main@sha1:0" };
  const api = {
    findObject: async () => ({ status: { artifact } }),
    portForward: async () => ({ url, close: async () => undefined }),
  } as unknown as Cluster;
  const kustomization = { spec: { sourceRef: { kind: "GitRepository", name: "a" } } };
  await expect(ofKustomization(api, kustomization as never)).rejects.toThrow(
    "source-controller has not given Flux's artifact /a.tar.gz within 60 s. Next: kubectl -n flux-system get pods",
  );
  expect(limit).toHaveBeenCalledWith(60_000);
});

describe("terraform init", () => {
  let folder: string;
  let holder: ChildProcess | undefined;

  beforeEach(() => {
    folder = temporaryFolder();
    mkdirSync(join(folder, "bin"));
    writeFileSync(
      join(folder, "bin/terraform"),
      '#!/bin/sh\necho "terraform $*"\nflock -n "$LOCK" true || echo locked\n',
    );
    chmodSync(join(folder, "bin/terraform"), 0o755);
  });

  afterEach(() => holder?.kill());

  /** Runs it with a lock of this test, and a limit of `seconds`. */
  function init(seconds: number) {
    const [command = "", ...args] = initCommand("-backend=false").map((word) =>
      word.replaceAll("/var/cache/terraform", folder).replace("timeout 900", `timeout ${seconds}`),
    );
    const env = { PATH: `${folder}/bin:${process.env.PATH}`, LOCK: `${folder}/.lock` };
    return promisify(execFile)(command, args, { env, timeout: 10_000 });
  }

  async function hold(seconds: number) {
    holder = spawn("flock", ["--no-fork", `${folder}/.lock`, "sh", "-c", `echo held; exec sleep ${seconds}`]);
    await once(holder.stdout as NodeJS.ReadableStream, "data");
  }

  it("runs alone", async () => {
    expect((await init(1)).stdout).toBe("terraform init -backend=false\nlocked\n");
  });

  it("waits for another run's", async () => {
    await hold(0.3);
    expect((await init(5)).stdout).toContain("terraform init -backend=false");
  });

  it("says that another run holds the lock, at the end of its patience", async () => {
    await hold(20);
    await expect(init(0.2)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Error: Another run on this engine has held the lock of the providers for 15 minutes\. Wait until it has ended, or end it/m,
      ),
    });
  });
});
