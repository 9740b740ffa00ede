import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type HostFacts, NEEDED_GO, obstacles, obstaclesToProviders, preflight } from "../../embedded/src/preflight.js";

const capable: HostFacts = {
  platform: "linux",
  architecture: "x64",
  root: true,
  nodeVersion: "v20.20.2",
  goVersion: "go1.26.8",
  missingCommands: [],
  cacheRoot: "/cache",
  socket: "/cache/run/dagger/engine.sock",
  freeBytes: 20e9,
  missing: 1,
  besides: { bytes: 0, parts: "" },
};

test("a capable host has no obstacles", () => {
  expect(obstacles(capable)).toEqual([]);
  expect(obstacles({ ...capable, architecture: "arm64", nodeVersion: "v24.1.0", goVersion: "go1.27" })).toEqual([]);
  expect(() => preflight(capable)).not.toThrow();
});

const lacking: [string, Partial<HostFacts>, RegExp][] = [
  ["Linux", { platform: "darwin" }, /darwin.*needs Linux.*Docker/],
  ["a known processor", { architecture: "riscv64" }, /riscv64.*amd64 and arm64/],
  ["root", { root: false }, /not root.*Run as root, or install Docker/],
  ["a new Node.js", { nodeVersion: "v18.20.1" }, /v18\.20\.1.*install version 20/],
  ["Go", { goVersion: undefined }, /Go is not on the PATH: install version 1\.26\.4/],
  ["a new Go", { goVersion: "go1.25.9" }, /go1\.25\.9.*install version 1\.26\.4/],
  ["a Go with the latest fixes", { goVersion: "go1.26.2" }, /go1\.26\.2.*install version 1\.26\.4/],
  ["commands", { missingCommands: ["dpkg", "flock"] }, /Not on the PATH: dpkg, flock\. They are in/],
  ["a Debian archive", { debianProblem: "apt's sources name none" }, /apt's sources name none/],
  ["mount namespaces", { namespaceProblem: "Operation not permitted" }, /Operation not permitted.*privileged/],
  [
    "room for a socket's name",
    { socket: `/${"x".repeat(107)}` },
    /\/cache can't be the cache folder.*107 bytes.*DAGGERW_CACHE/,
  ],
  ["a path that can be mounted", { cacheRoot: "/a:b" }, /\/a:b can't be the cache folder.*no colon/],
  ["disk", { freeBytes: 19.99e9 }, /19\.9 GB are free for \/cache, and 20\.0 GB are needed.*DAGGERW_CACHE/],
];

test.each(lacking)("a host without %s is told what to do", (_, facts, message) => {
  expect(obstacles({ ...capable, ...facts })).toEqual([expect.stringMatching(message)]);
});

test("what is built already needs less disk", () => {
  expect(obstacles({ ...capable, missing: 0, freeBytes: 3e9 })).toEqual([]);
  expect(obstacles({ ...capable, missing: 0, freeBytes: 1e9 })).toHaveLength(1);
  expect(obstacles({ ...capable, missing: 0.5, freeBytes: 10e9 })).toEqual([]);
  expect(obstacles({ ...capable, missing: 0.5, freeBytes: 9e9 })).toEqual([
    expect.stringMatching(/9\.0 GB are free for \/cache, and 10\.0 GB are needed/),
  ]);
});

test("what a call needs besides is counted with the rest, before anything is built", () => {
  const besides = { bytes: 6e9, parts: "Flux" };
  expect(obstacles({ ...capable, besides, freeBytes: 26e9 })).toEqual([]);
  expect(obstacles({ ...capable, besides, freeBytes: 25.9e9 })).toEqual([
    expect.stringMatching(/25\.9 GB are free for \/cache, and 26\.0 GB are needed: .* 6\.0 GB of them are for Flux\.$/),
  ]);
  expect(obstacles({ ...capable, besides, missing: 0, freeBytes: 8e9 })).toEqual([]);
});

test("the Go that is asked for can build every module", () => {
  const lines = readdirSync("embedded/go").map((name) => readFileSync(`embedded/go/${name}/go.mod`, "utf8"));
  const versions = lines.map((text) => /^go (.*)$/m.exec(text)?.[1] ?? "none").sort();
  expect(versions.at(-1)).toBe(NEEDED_GO);
});

test("Terraform's providers are not begun without the disk and the memory for the largest", () => {
  const facts = { cacheRoot: "/cache", freeBytes: 10e9, freeMemory: 8e9 };
  expect(obstaclesToProviders(facts)).toEqual([]);
  expect(obstaclesToProviders({ ...facts, freeBytes: 9.99e9, freeMemory: 7.96e9 })).toEqual([
    expect.stringMatching(/9\.9 GB are free for \/cache, and 10\.0 GB are needed.*DAGGERW_CACHE/),
    expect.stringMatching(/7\.9 GB of memory are available, and compiling the AWS provider takes 8\.0 GB.*larger/),
  ]);
});

test("all obstacles are told at once", () => {
  expect(() => preflight({ ...capable, root: false, goVersion: undefined, freeBytes: 0 })).toThrow(
    /not root.*\n.*Go is not.*\n.*0\.0 GB/,
  );
});
