import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { asksForHelp, callOf, wantsInteractiveShell, withModule, withPlainProgress } from "../../wrapper/args.js";

const base = realpathSync(mkdtempSync(join(tmpdir(), "daggerw-args-")));
const root = join(base, "repo");
const deep = join(root, "clusters", "dev");
const elsewhere = join(base, "elsewhere");
const otherModule = join(base, "other");
for (const folder of [deep, elsewhere, otherModule]) mkdirSync(folder, { recursive: true });
for (const folder of [root, otherModule]) writeFileSync(join(folder, "dagger.json"), "{}");
afterAll(() => rmSync(base, { recursive: true }));

const from = (cwd: string, line: string, env = {}) => withModule(line.split(" "), root, cwd, env).join(" ");

describe("the module", () => {
  it.each([root, deep])("is found by the CLI itself from %s", (cwd) => {
    expect(from(cwd, "call ci --env local")).toBe("call ci --env local");
  });

  it.each([elsewhere, otherModule])("is this repository's from %s", (cwd) => {
    expect(from(cwd, "call ci --env local")).toBe(`call --mod ${root} ci --env local`);
    expect(from(cwd, "-v --progress plain functions")).toBe(`-v --progress plain functions --mod ${root}`);
  });

  it("is looked for from --workdir", () => {
    expect(from(elsewhere, `--workdir ${deep} call ci`)).toBe(`--workdir ${deep} call ci`);
    expect(from(elsewhere, `--workdir=${root} call ci`)).toBe(`--workdir=${root} call ci`);
    expect(from(root, "--workdir ../elsewhere call ci")).toBe(`--workdir ../elsewhere call --mod ${root} ci`);
  });

  it.each(["call -m . ci", "call -m=x ci", "call --mod=x ci", "call ci -m x", "query -M", "call -sm . ci"])(
    "stays the user's: %s",
    (line) => expect(from(elsewhere, line)).toBe(line),
  );

  it("stays the environment's", () => {
    expect(from(elsewhere, "call ci", { DAGGER_MODULE: "x" })).toBe("call ci");
  });

  it.each(["version", "login", "--help", "init x", "run go test -m"])("isn't forced on `%s`", (line) =>
    expect(from(elsewhere, line)).toBe(line),
  );
});

describe("the function that is called", () => {
  it.each([
    ["call plan --env dev", "plan"],
    ["call ci --env local --tag plan", "ci"],
    ["--progress plain -v call -s --mod . force-unlock --env dev", "force-unlock"],
    ["call -sm . plan", "plan"],
    ["call --aws-credentials cmd:x --aws-profile=apply drift --env prod", "drift"],
    ["call --json --auto-apply fmt", "fmt"],
    ["call plan --env dev export --path check-infra", "plan"],
    ["call -o report check-infra", "check-infra"],
  ])("%s", (line, name) => expect(callOf(line.split(" "))?.name).toBe(name));

  it.each([
    "call",
    "call --help",
    "call plan --help",
    "call -h plan",
    "functions plan",
    "-c plan",
    "version",
    "call -- plan",
  ])("none: %s", (line) => expect(callOf(line.split(" "))).toBeUndefined());

  it.each([
    ["call --aws-credentials cmd:x promote", true],
    ["call --aws-role-arn=arn:aws:iam::1:role/r promote --dry-run", true],
    ["call promote", false],
    ["call promote --git-author --aws-profile", false],
  ])("speaks to AWS or not: %s", (line, withAws) => expect(callOf(line.split(" "))?.withAws).toBe(withAws));
});

describe("progress with the embedded CLI", () => {
  const args = (line: string, terminal = true, env = {}) => withPlainProgress(line.split(" "), terminal, env).join(" ");

  it("is plain on a terminal", () => expect(args("call ci")).toBe("--progress=plain call ci"));

  it.each(["--progress=dots call ci", "call --progress logs ci", "-s call ci", "call ci --silent", "-vs call ci"])(
    "is the user's choice: %s",
    (line) => expect(args(line)).toBe(line),
  );

  it("isn't touched elsewhere", () => {
    expect(args("call ci", false)).toBe("call ci");
    expect(args("call ci", true, { DAGGER_PROGRESS: "dots" })).toBe("call ci");
  });
});

describe("Dagger's own help", () => {
  it.each(["--help", "-h", "help", "help call", "-v --help", "--help call"])("is asked for: %s", (line) =>
    expect(asksForHelp(line.split(" "))).toBe(true),
  );

  it.each(["call --help", "call ci --help", "functions", "version", "-c help"])("isn't asked for: %s", (line) =>
    expect(asksForHelp(line.split(" "))).toBe(false),
  );
});

describe("an interactive shell", () => {
  it.each([
    ["shell", true],
    ["-v shell", true],
    ["", true],
    ["--progress plain", true],
    ["-c ls", false],
    ["--help", false],
    ["script.dsh", false],
    ["call", false],
    ["shell -m .", true],
    ["shell -c ls", false],
    ["shell --help", false],
    ["shell script.dsh", false],
    ["call shell", false],
  ])("%s: %s", (line, expected) => expect(wantsInteractiveShell(line.split(" ").filter(Boolean), true)).toBe(expected));

  it("is none without a terminal", () => expect(wantsInteractiveShell(["shell"], false)).toBe(false));
});
