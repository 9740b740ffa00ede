// What `init` leaves behind of the providers' hashes, by the pipeline's own shell lines and a terraform that only writes a lock file.
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { initCommand, planCommand } from "../../pipeline/src/terraform.js";
import { temporaryFolder } from "./temporary.js";

const provider = (...hashes: string[]) =>
  `provider "registry.terraform.io/hashicorp/aws" {\n  version = "1.0.0"\n  hashes = [\n${hashes.map((hash) => `    "${hash}",\n`).join("")}  ]\n}\n`;

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ["bin", "work"]) mkdirSync(join(folder, name));
});

/** Runs one of the pipeline's commands; `init` writes `lock`, if there is one, and ends with `code`. */
function run([command = "", ...args]: string[], { lock, code = 0 }: { lock?: string; code?: number }) {
  writeFileSync(join(folder, "lock"), lock ?? "");
  const init = `${lock === undefined ? "" : `cp ${folder}/lock .terraform.lock.hcl; `}exit ${code}`;
  const terraform = `#!/bin/sh\necho "terraform $*" >>${folder}/calls\ncase $1 in init) ${init} ;; plan) echo plan >plan.tfplan ;; esac\n`;
  writeFileSync(join(folder, "bin/terraform"), terraform);
  chmodSync(join(folder, "bin/terraform"), 0o755);
  const words = args.map((word) => word.replaceAll("/tmp/", `${folder}/`).replaceAll("/var/cache/terraform", folder));
  const options = { cwd: join(folder, "work"), env: { PATH: `${folder}/bin:${process.env.PATH}` }, timeout: 10_000 };
  return new Promise<unknown>((done) => execFile(command, words, options, (error) => done(error?.code ?? 0)));
}

const lockFile = () => join(folder, "work/.terraform.lock.hcl");
const calls = () => readFileSync(join(folder, "calls"), "utf8");

describe.each([
  ["init", initCommand("-backend=false"), "terraform init -backend=false\n"],
  [
    "plan",
    planCommand("plan.tfplan", "dev", "true", "-var=a=b c"),
    "terraform init\nterraform plan -detailed-exitcode -out=plan.tfplan -var=a=b c\n",
  ],
])("%s", (_, command, called) => {
  it("leaves the same lock file, from the registry or from the cache", async () => {
    const both = provider("h1:installed=", "zh:0a", "zh:ff");
    expect(await run(command, { lock: both })).toBe(0);
    expect(readFileSync(lockFile(), "utf8")).toBe(provider("h1:installed="));
    expect(calls()).toBe(called);
    expect(await run(command, { lock: provider("h1:installed=") })).toBe(0);
    expect(readFileSync(lockFile(), "utf8")).toBe(provider("h1:installed="));
  });

  it("is content without one, as a stack that has no providers", async () => {
    expect(await run(command, {})).toBe(0);
    expect(existsSync(lockFile())).toBe(false);
  });

  it("removes what an init that was cut off may have half unpacked, and nothing older", async () => {
    const whole = join(folder, "registry/ns/aws/1.0.0/linux_amd64");
    mkdirSync(whole, { recursive: true });
    const ago = new Date(Date.now() - 60_000);
    utimesSync(whole, ago, ago);
    const begun = join(folder, ".unfinished");
    writeFileSync(begun, "");
    const cutOff = new Date(Date.now() - 30_000);
    utimesSync(begun, cutOff, cutOff);
    const half = join(folder, "registry/ns/aws/1.0.1/linux_amd64");
    mkdirSync(half, { recursive: true });
    expect(await run(command, { code: 3 })).toBe(3);
    expect([existsSync(whole), existsSync(half), existsSync(begun)]).toEqual([true, false, true]);
    expect(await run(command, {})).toBe(0);
    expect([existsSync(whole), existsSync(begun)]).toEqual([true, false]);
  });

  it("ends as init ended, and does nothing after it", async () => {
    expect(await run(command, { lock: provider("h1:a", "zh:0a"), code: 3 })).toBe(3);
    expect(calls()).toMatch(/^terraform init.*\n$/);
  });
});
