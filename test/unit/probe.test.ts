import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { checkHttp, formatLoad, LoadProbe, ProbeFailure, requireHttp, versionsIn } from "../../pipeline/src/probe.js";

const servers: { close(): unknown; closeAllConnections?(): void }[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections?.();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

describe("checkHttp", () => {
  it("says what answered", async () => {
    const { url } = await serve((_, response) => response.end("helloworld v0.2.0\n"));
    const result = await checkHttp(url, { expectBody: "v0.2.0", slowAfterMs: 3000 });
    expect(result).toMatchObject({
      ok: true,
      status: 200,
      body: "helloworld v0.2.0",
      versions: ["v0.2.0"],
      problem: undefined,
    });
    expect(result.message).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/ answers 200 in \d+ ms as v0\.2\.0$/);
    expect(await requireHttp(url, { expectBody: "helloworld" })).toMatchObject({ ok: true });
  });

  it("uses a connection for one request only", async () => {
    const ports = new Set<number | undefined>();
    const { url } = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end("ok");
    });
    for (let count = 0; count < 3; count++) await checkHttp(url);
    expect(ports.size).toBe(3);
  });

  it.each([
    ["status", 500, "broken", {}, /answers 500, expected 200; body: "broken"$/],
    ["status", 302, "", {}, /answers 302, expected 200/],
    ["status", 200, "", { expectStatus: 404 }, /answers 200, expected 404/],
    ["version", 200, "helloworld v0.1.0", { expectBody: "v0.2.0" }, /answers as v0\.1\.0, expected v0\.2\.0$/],
    [
      "version",
      200,
      "helloworld v0.2.0-rc.1",
      { expectBody: "v0.2.0" },
      /answers as v0\.2\.0-rc\.1, expected v0\.2\.0$/,
    ],
    ["version", 200, "hello", { expectBody: "v0.2.0" }, /without a version, expected v0\.2\.0; body: "hello"$/],
    ["body", 200, "hello", { expectBody: "world" }, /answers without "world"; body: "hello"$/],
  ])("finds a wrong %s", async (problem, status, body, expectation, message) => {
    const { url } = await serve((_, response) => response.writeHead(status, { location: "/x" }).end(body));
    const result = await checkHttp(url, expectation);
    expect(result).toMatchObject({ ok: false, status, problem });
    expect(result.message).toMatch(message);
  });

  it("finds a right answer that is too slow", async () => {
    const { url } = await serve((_, response) => setTimeout(() => response.end("ok"), 60));
    const result = await checkHttp(url, { slowAfterMs: 40 });
    expect(result).toMatchObject({ ok: false, status: 200, problem: "slow" });
    expect(result.message).toMatch(/is too slow: \d+ ms for an answer, at most 40 ms$/);
  });

  it("gives up on an answer that doesn't come or doesn't end", async () => {
    const silent = await serve(() => undefined);
    const endless = await serve((_, response) => response.write("start"));
    for (const { url } of [silent, endless]) {
      const result = await checkHttp(url, { timeoutMs: 50 });
      expect(result).toMatchObject({ ok: false, problem: "timeout" });
      expect(result.message).toMatch(/gave no answer within 50 ms$/);
    }
  });

  it("knows a port on which nothing listens", async () => {
    const { url, server } = await serve(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const result = await checkHttp(url);
    expect(result).toMatchObject({ ok: false, problem: "refused", status: undefined });
    expect(result.message).toMatch(/^127\.0\.0\.1:\d+ refuses connections/);
  });

  it("knows a connection that breaks", async () => {
    const server = createTcpServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
    const result = await checkHttp(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(result).toMatchObject({ ok: false, problem: "reset" });
  });

  it.each([
    ["ENOTFOUND", "no-address", "nowhere.invalid has no address in the DNS"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls", "has a certificate that is not trusted"],
    ["UND_ERR_CONNECT_TIMEOUT", "timeout", "gave no answer"],
    ["EPROTO", "tls", "does not speak TLS as it should (because)"],
    ["EHOSTUNREACH", "unreachable", "nowhere.invalid can't be reached from here (because)"],
    ["ENETUNREACH", "unreachable", "can't be reached from here"],
    ["ENETDOWN", "unreachable", "can't be reached from here"],
    ["ECONNABORTED", "reset", "broke the connection"],
    ["ERR_STREAM_PREMATURE_CLOSE", "reset", "broke the connection"],
    ["EINVAL", "other", "can't be asked: because"],
  ])("knows %s", async (code, problem, message) => {
    const fetch = () =>
      Promise.reject(new TypeError("fetch failed", { cause: Object.assign(new Error("because"), { code }) }));
    const result = await checkHttp("http://nowhere.invalid", { fetch });
    expect(result.problem).toBe(problem);
    expect(result.message).toContain(message);
  });

  it("says of a host with several addresses what became of one that has a way to it", async () => {
    const refusal = (code: string) => Object.assign(new Error(`connect ${code}`), { code });
    const problemOf = async (...codes: string[]) => {
      const cause = new AggregateError(codes.map(refusal));
      const fetch = () => Promise.reject(new TypeError("fetch failed", { cause }));
      return (await checkHttp("http://nowhere.invalid", { fetch })).problem;
    };
    expect(await problemOf("ENETUNREACH", "ECONNREFUSED")).toBe("refused");
    expect(await problemOf("ECONNREFUSED", "EHOSTUNREACH")).toBe("refused");
    expect(await problemOf("ENETUNREACH", "EHOSTUNREACH")).toBe("unreachable");
  });

  it.each(["", "localhost:8080", "ftp://localhost/", "http://"])("refuses the address %j", async (url) => {
    await expect(checkHttp(url)).rejects.toThrow("is no http or https address");
  });

  it("throws for a check that must succeed", async () => {
    const { url } = await serve((_, response) => response.writeHead(500).end("x".repeat(1000)));
    const error: unknown = await requireHttp(url).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProbeFailure);
    expect((error as ProbeFailure).message).toContain(`"${"x".repeat(200)}…"`);
  });
});

describe("versionsIn", () => {
  it.each([
    ["v0.2.0", ["v0.2.0"]],
    ['{"version":"v0.2.0","was":"v0.1.0","is":"v0.2.0"}', ["v0.2.0", "v0.1.0"]],
    ["This is v1.0.0-rc.1.", ["v1.0.0-rc.1"]],
    ["v10.20.30, dev1.2.3 and 1.2.3", ["v10.20.30"]],
    ["none", []],
  ])("finds those of %j", (text, versions) => {
    expect(versionsIn(text)).toEqual(versions);
  });
});

describe("LoadProbe", () => {
  /** A clock that stands still until it is told to go on; requests take the time that the server says. */
  function setup(server: (second: number) => { ms: number; status?: number; body?: string; error?: string }) {
    let time = 1_000_000;
    const sleepers: { at: number; wake: () => void }[] = [];
    const clock = {
      now: () => time,
      sleep: (milliseconds: number) => new Promise<void>((wake) => sleepers.push({ at: time + milliseconds, wake })),
    };
    const advance = async (milliseconds: number) => {
      const end = time + milliseconds;
      for (;;) {
        await new Promise(setImmediate);
        sleepers.sort((a, b) => a.at - b.at);
        const next = sleepers[0];
        if (!next || next.at > end) break;
        sleepers.shift();
        time = next.at;
        next.wake();
      }
      time = end;
    };
    const fetch = async () => {
      const { ms, status = 200, body = "v0.1.0", error } = server((time - 1_000_000) / 1000);
      await clock.sleep(ms);
      if (error) throw new TypeError("fetch failed", { cause: Object.assign(new Error(error), { code: error }) });
      return new Response(body, { status });
    };
    return { clock, advance, fetch };
  }

  async function stop(probe: LoadProbe, advance: (milliseconds: number) => Promise<void>) {
    const summary = probe.stop();
    await advance(10_000);
    return summary;
  }

  it("keeps its rate however slow the answers are, and sums up", async () => {
    const { clock, advance, fetch } = setup((second) => ({
      ms: second < 1 ? 10 : 500,
      body: second < 1 ? "v0.1.0" : "v0.2.0",
    }));
    const probe = new LoadProbe("http://app/", { perSecond: 10, clock, fetch });
    probe.start();
    await advance(1950);
    const summary = await stop(probe, advance);
    expect(summary).toEqual({
      seconds: 1.95,
      sent: 20,
      failed: 0,
      errors: [],
      p50: 10,
      p95: 500,
      max: 500,
      versions: [
        { version: "v0.1.0", answers: 10, first: 0.01, last: 0.91 },
        { version: "v0.2.0", answers: 10, first: 1.5, last: 2.4 },
      ],
    });
    expect(formatLoad(summary)).toBe(
      "20 requests in 1.9 s, 0 failed, p50 10 ms, p95 500 ms, max 500 ms; v0.1.0 from 0.0 s to 0.9 s; v0.2.0 from 1.5 s to 2.4 s",
    );
  });

  it("counts failures by what they say", async () => {
    const { clock, advance, fetch } = setup((second) =>
      second < 0.5 ? { ms: 1, error: "ECONNREFUSED" } : second < 0.7 ? { ms: 1, status: 503, body: "" } : { ms: 1 },
    );
    const probe = new LoadProbe("http://app/", { perSecond: 10, clock, fetch });
    probe.start();
    await advance(950);
    expect(await stop(probe, advance)).toMatchObject({
      sent: 10,
      failed: 7,
      errors: [
        { message: "app refuses connections: nothing listens there", count: 5 },
        { message: 'http://app/ answers 503, expected 200; body: ""', count: 2 },
      ],
    });
  });

  it("works against a real server and a real clock", async () => {
    const { url } = await serve((_, response) => response.end("v0.2.0"));
    const probe = new LoadProbe(url, { perSecond: 50 });
    probe.start();
    expect(() => probe.start()).toThrow("runs already");
    await new Promise((resolve) => setTimeout(resolve, 200));
    const summary = await probe.stop();
    expect(summary.failed).toBe(0);
    expect(summary.sent).toBeGreaterThan(2);
    expect(summary.versions[0]).toMatchObject({ version: "v0.2.0", answers: summary.sent });
  });

  it("sums up nothing when it was stopped before its first request", async () => {
    const { clock, advance, fetch } = setup(() => ({ ms: 1 }));
    const probe = new LoadProbe("http://app/", { perSecond: 1, clock, fetch });
    expect(await stop(probe, advance)).toMatchObject({ seconds: 0, sent: 0, failed: 0, p50: 0, max: 0, versions: [] });
    expect(() => new LoadProbe("http://app/", { perSecond: 0 })).toThrow("rate above 0");
    expect(() => new LoadProbe("app", { perSecond: 1 })).toThrow("no http or https address");
  });
});
