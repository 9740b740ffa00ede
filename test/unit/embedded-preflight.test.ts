import { expect, test } from "vitest";
import { type HostFacts, obstacles, preflight } from "../../embedded/src/preflight.js";

const capable: HostFacts = {
  platform: "linux",
  architecture: "x64",
  root: true,
  nodeVersion: "v20.20.2",
  goVersion: "go1.26.8",
  missingCommands: [],
  cacheRoot: "/cache",
  freeBytes: 20e9,
  built: false,
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
  ["Go", { goVersion: undefined }, /Go is not on the PATH: install Go 1\.26/],
  ["a new Go", { goVersion: "go1.25.9" }, /go1\.25\.9.*install version 1\.26/],
  ["commands", { missingCommands: ["dpkg", "flock"] }, /Not on the PATH: dpkg, flock\. They are in/],
  ["a Debian archive", { debianProblem: "apt's sources name none" }, /apt's sources name none/],
  ["mount namespaces", { namespaceProblem: "Operation not permitted" }, /Operation not permitted.*privileged/],
  ["disk", { freeBytes: 11.99e9 }, /11\.9 GB are free for \/cache, and 12\.0 GB are needed.*DAGGERW_CACHE/],
];

test.each(lacking)("a host without %s is told what to do", (_, facts, message) => {
  expect(obstacles({ ...capable, ...facts })).toEqual([expect.stringMatching(message)]);
});

test("what is built already needs less disk", () => {
  expect(obstacles({ ...capable, built: true, freeBytes: 3e9 })).toEqual([]);
  expect(obstacles({ ...capable, built: true, freeBytes: 1e9 })).toHaveLength(1);
});

test("all obstacles are told at once", () => {
  expect(() => preflight({ ...capable, root: false, goVersion: undefined, freeBytes: 0 })).toThrow(
    /not root.*\n.*Go is not.*\n.*0\.0 GB/,
  );
});
