import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type OfficialOptions, official, officialPath, platformName } from "../../wrapper/official.js";

/** daggerw itself asks for curl only where there is a proxy. */
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

const version = "0.21.8";
const name = `dagger_v${version}_${platformName()}.tar.gz`;
const base = mkdtempSync(join(tmpdir(), "daggerw-official-"));
const cli = "#!/bin/sh\necho official\n";
let archive: Buffer;
let digest: string;

let server: Server;
let requests: string[];
type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let handlers: Record<string, Handler>;
let options: OfficialOptions;
let said: string[];

const send = (content: string | Buffer) => (_: IncomingMessage, response: ServerResponse) => {
  response.end(content);
};

beforeAll(() => {
  writeFileSync(join(base, "dagger"), cli);
  writeFileSync(join(base, "LICENSE"), "Apache-2.0\n".repeat(100));
  execFileSync("tar", ["-czf", "a.tar.gz", "LICENSE", "dagger"], { cwd: base });
  archive = readFileSync(join(base, "a.tar.gz"));
  digest = createHash("sha256").update(archive).digest("hex");
});
afterAll(() => rmSync(base, { recursive: true }));

beforeEach(async () => {
  requests = [];
  said = [];
  handlers = {
    [`/${version}/checksums.txt`]: send(
      `${"0".repeat(64)}  dagger_v${version}_plan9_amd64.tar.gz\n${digest}  ${name}\n`,
    ),
    [`/${version}/${name}`]: send(archive),
  };
  server = createServer((request, response) => {
    requests.push(request.url ?? "");
    const handler = handlers[request.url ?? ""];
    if (handler) handler(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  options = {
    version,
    cache: mkdtempSync(join(base, "cache-")),
    env: {
      PATH: process.env.PATH,
      DAGGERW_DOWNLOAD_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    },
    say: (line) => said.push(line),
    pins: {},
    retryMs: 1,
  };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** Nothing is installed, and no half of it lies about. */
const expectNothingLeft = () => {
  expect(existsSync(officialPath(options.cache, version))).toBe(false);
  const left = existsSync(options.cache) ? readdirSync(options.cache, { recursive: true, withFileTypes: true }) : [];
  const files = left.filter((entry) => entry.isFile()).map((entry) => entry.name);
  expect(files.filter((name) => name !== ".daggerw")).toEqual([]); // the note of what is daggerw's
};

describe("the official CLI", () => {
  it("is downloaded, verified, executable and then reused", async () => {
    const path = await official(options);
    expect(path).toBe(officialPath(options.cache, version));
    expect(readFileSync(path, "utf8")).toBe(cli);
    expect(statSync(path).mode & 0o777).toBe(0o755);
    expect(readdirSync(join(path, ".."))).toEqual(["dagger"]);
    expect(said.join("\n")).toMatch(/downloading http.*\ndownloaded and verified/);
    await official(options);
    expect(requests).toEqual([`/${version}/checksums.txt`, `/${version}/${name}`]);
  });

  it("is not run from a cache folder that others can write to, also where it is there", async () => {
    mkdirSync(dirname(officialPath(options.cache, version)), { recursive: true });
    writeFileSync(officialPath(options.cache, version), cli, { mode: 0o755 });
    chmodSync(options.cache, 0o777);
    await expect(official(options)).rejects.toThrow(`chmod 700 ${options.cache}`);
  });

  it("is downloaded once by two at the same time", async () => {
    const paths = await Promise.all([official(options), official(options)]);
    expect(paths[0]).toBe(paths[1]);
    expect(requests.length).toBe(2);
  });

  it("passes with the pinned digest", async () => {
    await official({ ...options, pins: { [platformName()]: digest } });
  });

  it("is refused when checksums.txt says otherwise", async () => {
    handlers[`/${version}/${name}`] = send(Buffer.concat([archive, Buffer.from("x")]));
    await expect(official(options)).rejects.toThrow(/was refused.*checksums\.txt says/s);
    expectNothingLeft();
  });

  it("is refused when the pinned digest says otherwise, whatever checksums.txt says", async () => {
    await expect(official({ ...options, pins: { [platformName()]: "0".repeat(64) } })).rejects.toThrow(
      /was refused.*wrapper\/checksums\.json says/s,
    );
    expectNothingLeft();
  });

  it("is refused when checksums.txt doesn't list it", async () => {
    handlers[`/${version}/checksums.txt`] = send("<html>sign in</html>");
    await expect(official(options)).rejects.toThrow("checksums.txt doesn't list it");
    expectNothingLeft();
  });

  it("survives one bad answer", async () => {
    const good = handlers[`/${version}/${name}`] as Handler;
    handlers[`/${version}/${name}`] = (_, response) => {
      handlers[`/${version}/${name}`] = good;
      response.writeHead(503).end();
    };
    await official(options);
    expect(said).toContain("HTTP status 503, trying again …");
  });

  it("is tried again after a cut connection, and given up with nothing left", async () => {
    handlers[`/${version}/${name}`] = (_, response) => {
      response.writeHead(200, { "content-length": archive.length });
      response.write(archive.subarray(0, 100));
      setTimeout(() => response.destroy(), 20);
    };
    await expect(official(options)).rejects.toThrow(/Can't download .*What helps:.*DAGGERW_DOWNLOAD_URL/s);
    expect(requests.filter((url) => url.endsWith(name)).length).toBe(3);
    expectNothingLeft();
  });

  it("isn't tried again when the release doesn't exist", async () => {
    delete handlers[`/${version}/${name}`];
    await expect(official(options)).rejects.toThrow("HTTP status 404");
    expect(requests.filter((url) => url.endsWith(name)).length).toBe(1);
    expectNothingLeft();
  });

  it("stops when interrupted, with nothing left", async () => {
    const controller = new AbortController();
    handlers[`/${version}/${name}`] = (_, response) => {
      response.write(archive.subarray(0, 100));
      setTimeout(() => controller.abort(new Error("enough")), 20);
    };
    await expect(official({ ...options, signal: controller.signal })).rejects.toThrow("enough");
    expectNothingLeft();
  });

  it("says what to do when nothing can be reached", async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await expect(official(options)).rejects.toThrow(/ECONNREFUSED.*What helps:.*DAGGERW=embedded/s);
    expectNothingLeft();
  });

  it("clears away what a killed download left", async () => {
    const folder = join(officialPath(options.cache, version), "..");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, ".download-4711"), "half");
    expect(readdirSync(join(await official(options), ".."))).toEqual(["dagger"]);
  });

  it.skipIf(!hasCurl)("comes through curl when there is a proxy", async () => {
    await official({
      ...options,
      env: { ...options.env, HTTPS_PROXY: "http://127.0.0.1:9", NO_PROXY: "*", no_proxy: "*" },
    });
    expect(requests.length).toBe(2);
  });

  it.skipIf(!hasCurl).each(["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])(
    "knows a proxy by the name %s",
    async (name) => {
      const agents: (string | undefined)[] = [];
      for (const [url, handler] of Object.entries(handlers)) {
        handlers[url] = (request, response) => {
          agents.push(request.headers["user-agent"]);
          handler(request, response);
        };
      }
      await official({
        ...options,
        env: { ...options.env, [name]: "http://127.0.0.1:9", NO_PROXY: "*", no_proxy: "*" },
      });
      expect(agents).toEqual([expect.stringMatching(/^curl/), expect.stringMatching(/^curl/)]);
    },
  );
});

describe("platformName", () => {
  it.each([
    ["linux", "x64", "linux_amd64"],
    ["linux", "arm64", "linux_arm64"],
    ["linux", "arm", "linux_armv7"],
    ["darwin", "arm64", "darwin_arm64"],
  ] as const)("%s on %s", (os, cpu, expected) => expect(platformName(os, cpu)).toBe(expected));

  it("refuses what there is no archive for", () => {
    expect(() => platformName("win32", "x64")).toThrow("use WSL");
    expect(() => platformName("linux", "s390x")).toThrow("no official Dagger CLI");
  });
});
