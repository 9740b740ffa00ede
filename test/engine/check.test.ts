// What a commit must pass, and what a broken one is told: all of it, with file and line.
import { describe, expect, it } from "vitest";
import { call, copyWith } from "./daggerw.js";

const release = "clusters/dev/release.yaml";

describe("check", () => {
  it("passes for this repository, with one line for each check", async () => {
    const { exitCode, stdout } = await call("check");
    expect(exitCode).toBe(0);
    for (const name of ["release files", "lint chart", "validate manifests", "lint workflows", "lint scripts"]) {
      expect(stdout).toMatch(new RegExp(`\\| ${name} +\\| passed`));
    }
  });

  it("reports every fault at once: a release file, a workflow, a script and a Flux object", async () => {
    const source = copyWith({
      [release]: (text) => text.replace('tag: "v0.1.0"', 'tag: "v0.1.0'),
      "clusters/prod/gitrepository.yaml": (text) => text.replace("interval:", "intervall:"),
      ".github/workflows/pull-request.yml": (text) => text.replace("runs-on:", "runs-at:"),
      daggerw: (text) => `${text}\nrm $unquoted/*\n`,
    });
    const { exitCode, stderr } = await call("--source", source, "check");
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/clusters\/dev\/release\.yaml:\d+:\d+: /);
    expect(stderr).toContain("runs-at");
    expect(stderr).toMatch(/daggerw:\d+:\d+: .*SC2/);
    expect(stderr).toMatch(/\| lint chart +\| failed/);
  });

  it("names the field of a Flux object that its schema doesn't know", async () => {
    const source = copyWith({
      "clusters/prod/gitrepository.yaml": (text) => text.replace("interval:", "intervall:"),
    });
    const { exitCode, stderr } = await call("--source", source, "check");
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/clusters\/prod\/gitrepository\.yaml: GitRepository helloworld.*intervall/);
  });

  it.each([
    [
      "no image tag",
      (text: string) => text.replace(/ {6}tag: .*\n/, "      x: 1\n"),
      "spec.values.image.tag is missing",
    ],
    [
      "a value that breaks the schema",
      (text: string) => text.replace("replicaCount: 1", "replicaCount: one"),
      "replicaCount",
    ],
    ["an unknown value", (text: string) => text.replace("replicaCount: 1", "replicas: 1"), "replicas"],
  ])("refuses a release file with %s", async (_, change, message) => {
    const { exitCode, stderr } = await call("--source", copyWith({ [release]: change }), "check");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("clusters/dev/release.yaml");
    expect(stderr).toContain(message);
  });
});

describe("render", () => {
  it("shows what Flux would apply in prod", async () => {
    const { exitCode, stdout } = await call("render", "--env", "prod", "--tag", "v0.2.0", "contents");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/image: "?ghcr\.io\/damekarv\/helloworld:v0\.2\.0/);
    expect(stdout).toContain("kind: HorizontalPodAutoscaler");
    expect(stdout).toMatch(/name: helloworld-primary/);
  });

  it("says why a chart doesn't render", async () => {
    const source = copyWith({
      "appManifests/templates/service.yaml": (text) => `${text}\n{{ fail "broken on purpose" }}\n`,
    });
    const { exitCode, stderr } = await call("--source", source, "render", "--env", "dev", "contents");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("broken on purpose");
    expect(stderr).toContain("templates/service.yaml");
  });
});

describe("bump", () => {
  it("changes one line of prod's release file", async () => {
    const { exitCode, stdout } = await call("bump", "--env", "prod", "--tag", "v0.2.0", "as-patch", "contents");
    expect(exitCode).toBe(0);
    expect(stdout.match(/^[+-] .*$/gm)).toEqual(['-      tag: "v0.1.0"', '+      tag: "v0.2.0"']);
  });

  it.each([
    [["--env", "staging", "--tag", "v0.2.0"], 'There is no environment "staging". Known: local, dev, prod.'],
    [["--env", "prod", "--tag", "0.2.0"], "Did you mean v0.2.0?"],
    [["--env", "prod", "--tag", "latest"], "names no version"],
  ])("refuses %j before anything starts", async (args, message) => {
    const { exitCode, stderr, seconds } = await call("bump", ...args, "as-patch", "contents");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
    expect(seconds).toBeLessThan(20);
  });
});
