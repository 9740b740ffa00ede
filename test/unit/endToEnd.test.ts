// Requests to a small server while something is done to it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { endToEnd, underLoad } from "../../pipeline/src/endToEnd.js";
import { environment } from "../../pipeline/src/environments.js";
import type { Cluster } from "../../pipeline/src/kubernetes.js";
import { readyPod } from "../fixtures/kubernetes.js";

let server: Server;
let status: number;
let api: Cluster;

beforeEach(async () => {
  status = 200;
  server = createServer((_, response) => void response.writeHead(status).end("helloworld v0.2.0\n"));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const forward = { url: `http://127.0.0.1:${port}`, port, selector: "a=b", close: async () => undefined };
  api = {
    portForward: async () => forward,
    listPods: async (_: string, selector: string) =>
      selector === "a=b" ? [readyPod("helloworld-new-1", "set-new")] : [],
    listEvents: async () => [],
    podLog: async () => "no database\n",
  } as unknown as Cluster;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));
const during = (work: () => Promise<string>) => underLoad(api, environment("dev"), () => undefined, work);

it("an upgrade during which every request is answered passes, with the numbers", async () => {
  const { value, summary } = await during(async () => "out");
  expect(value).toBe("out");
  expect(summary).toMatch(/^\d+ requests in .* 0 failed/);
});

it("an upgrade during which a request fails does not pass, however well it ends", async () => {
  const upgrade = during(async () => {
    await pause(250);
    status = 502;
    await pause(350);
    status = 200;
    return "out";
  });
  await expect(upgrade).rejects.toThrow(
    /^Requests failed during the upgrade: \d+ requests in .* [1-9]\d* failed.*502.*\npod helloworld-new-1: Running\n.*no database$/s,
  );
});

it("a wrong answer comes with what the pods say", async () => {
  const check = () => endToEnd(api, environment("dev"), "v0.2.0", () => undefined);
  expect(await check()).toMatch(/^HTTP 200 from v0\.2\.0 in \d+ ms on port 8080$/);
  status = 500;
  await expect(check()).rejects.toThrow(
    /answer.*500.*\npod helloworld-new-1: Running\n.*Last log lines of helloworld-new-1\/app:\n {2}no database$/s,
  );
});

it("an upgrade that fails tells why, and not what the requests saw of it", async () => {
  const upgrade = during(async () => {
    status = 503;
    await pause(250);
    throw new Error("the pods can't come good");
  });
  await expect(upgrade).rejects.toThrow(/^the pods can't come good$/);
});

it("where nothing answers yet there is no load, and why is said", async () => {
  api = { portForward: async () => Promise.reject(new Error("no ready pod")) } as unknown as Cluster;
  expect(await during(async () => "out")).toEqual({ value: "out", summary: "not under load: no ready pod" });
});
