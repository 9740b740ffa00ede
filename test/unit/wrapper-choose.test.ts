import { describe, expect, it } from "vitest";
import { choose, describe as inWords, isCompatible } from "../../wrapper/choose.js";
import { type Facts, UserError } from "../../wrapper/types.js";

const bare: Facts = {
  engineVersion: "0.21.8",
  forced: undefined,
  runnerHost: undefined,
  dagger: undefined,
  containers: { answering: undefined, silent: [] },
  officialCached: false,
  embeddedObstacle: undefined,
};
const docker: Partial<Facts> = { containers: { answering: "docker", silent: [] } };
const deadDocker: Partial<Facts> = {
  containers: { answering: undefined, silent: [{ command: "docker", problem: "Cannot connect to the Docker daemon" }] },
};
const deniedDocker: Partial<Facts> = {
  containers: {
    answering: undefined,
    silent: [{ command: "docker", problem: "permission denied while trying to connect to the Docker daemon socket" }],
  },
};
const onPath = (version?: string): Partial<Facts> => ({ dagger: { path: "/usr/bin/dagger", version } });
const engineAt = (url: string, answers?: boolean, problem?: string): Partial<Facts> => ({
  runnerHost: { url, answers, problem },
});
const noRoot: Partial<Facts> = { embeddedObstacle: "the embedded engine needs root" };

type Row = [string, Partial<Facts>[], string];

// What is there → what is said to be used.
const chosen: Row[] = [
  ["Docker and a fitting dagger", [docker, onPath("0.21.8")], "/usr/bin/dagger v0.21.8 (docker answers)"],
  ["Docker and a newer fitting dagger", [docker, onPath("0.21.11")], "/usr/bin/dagger v0.21.11 (docker answers)"],
  [
    "podman only",
    [{ containers: { answering: "podman", silent: [] } }, onPath("0.21.8")],
    "/usr/bin/dagger v0.21.8 (podman answers)",
  ],
  ["Docker, no dagger", [docker], "official dagger v0.21.8, to be downloaded (docker answers; no dagger on PATH)"],
  [
    "Docker, no dagger, downloaded before",
    [docker, { officialCached: true }],
    "official dagger v0.21.8 (docker answers; no dagger on PATH)",
  ],
  [
    "Docker, old dagger",
    [docker, onPath("0.20.8"), { officialCached: true }],
    "official dagger v0.21.8 (docker answers; /usr/bin/dagger is v0.20.8, which doesn't fit v0.21.8)",
  ],
  [
    "Docker, a dagger that tells no version",
    [docker, onPath(), { officialCached: true }],
    "official dagger v0.21.8 (docker answers; /usr/bin/dagger is of an unknown version, which doesn't fit v0.21.8)",
  ],
  [
    "nothing at all, root on Linux",
    [],
    "embedded engine v0.21.8 (no Docker or other container runtime is installed; DAGGERW=official would force the official one)",
  ],
  [
    "Docker's client without its daemon",
    [deadDocker],
    "embedded engine v0.21.8 (no Docker daemon answers; DAGGERW=official would force the official one)",
  ],
  [
    "a dagger without an engine",
    [onPath("0.21.8")],
    "embedded engine v0.21.8 (no Docker or other container runtime is installed; DAGGERW=official would force the official one)",
  ],
  [
    "a runner host that answers, fitting dagger",
    [engineAt("unix:///e.sock", true), onPath("0.21.9")],
    "/usr/bin/dagger v0.21.9 (engine at unix:///e.sock)",
  ],
  [
    "a runner host goes before Docker",
    [engineAt("tcp://e:1", true), docker, onPath("0.21.9")],
    "/usr/bin/dagger v0.21.9 (engine at tcp://e:1)",
  ],
  [
    "a runner host that can't be checked",
    [engineAt("kube-pod://e?namespace=n"), { officialCached: true }],
    "official dagger v0.21.8 (engine at kube-pod://e?namespace=n; no dagger on PATH)",
  ],
  [
    "embedded, forced",
    [docker, onPath("0.21.8"), { forced: "embedded" }],
    "embedded engine v0.21.8 (DAGGERW=embedded)",
  ],
  [
    "embedded, forced, with a runner host",
    [engineAt("tcp://e:1"), { forced: "embedded" }],
    "embedded engine v0.21.8 (DAGGERW=embedded, _EXPERIMENTAL_DAGGER_RUNNER_HOST is ignored)",
  ],
  [
    "official, forced",
    [docker, { forced: "official", officialCached: true }],
    "official dagger v0.21.8 (docker answers; no dagger on PATH)",
  ],
];

// What is there → what the error says.
const refused: Row[] = [
  ["a wrong DAGGERW", [{ forced: "docker" }], 'DAGGERW=docker means nothing: it can be "embedded" or "official"'],
  ["a runner host that is silent", [engineAt("tcp://e:1", false, "connection refused"), docker], "connection refused"],
  ["official, forced, no Docker", [deadDocker, { forced: "official" }], "no Docker daemon answers"],
  ["embedded, forced, not root", [docker, noRoot, { forced: "embedded" }], "the embedded engine needs root"],
  ["no Docker, not root", [deadDocker, noRoot], "sudo systemctl start docker"],
  ["nothing, not root", [noRoot], "Install Docker"],
  ["Docker for others only", [deniedDocker, noRoot], "docker group"],
];

const facts = (parts: Partial<Facts>[]): Facts => Object.assign({}, bare, ...parts);

describe("choose", () => {
  it.each(chosen)("%s", (_, parts, expected) => {
    expect(inWords(choose(facts(parts)), facts(parts))).toBe(expected);
  });

  it.each(refused)("refuses %s", (_, parts, expected) => {
    expect(() => choose(facts(parts))).toThrowError(expected);
    expect(() => choose(facts(parts))).toThrowError(UserError);
  });

  it("says in one line what it chose", () => {
    for (const [, parts] of chosen) expect(inWords(choose(facts(parts)), facts(parts))).not.toContain("\n");
  });

  it("lets the embedded CLI stand in for the official one only with a runner host, and where it can be made", () => {
    const host = engineAt("tcp://e:1", true);
    expect(choose(facts([host])).embeddedCliWillDo).toBe(true);
    expect(choose(facts([host, noRoot])).embeddedCliWillDo).toBeUndefined();
    expect(choose(facts([host, { forced: "official" }])).embeddedCliWillDo).toBeUndefined();
    expect(choose(facts([docker])).embeddedCliWillDo).toBeUndefined();
  });
});

describe("isCompatible", () => {
  it.each([
    ["0.21.8", true],
    ["0.21.9", true],
    ["0.21.10", true],
    ["0.21.7", false],
    ["0.22.0", false],
    ["0.20.8", false],
    ["1.21.8", false],
    ["0.21.9-rc.1", false],
    ["0.21.9-250724101010-abcdef", false],
    ["devel", false],
  ])("%s: %s", (version, expected) => expect(isCompatible(version, "0.21.8")).toBe(expected));
});
