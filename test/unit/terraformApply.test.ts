// What becomes of a state that Terraform could not write, by the pipeline's own shell lines and a terraform that only fails.
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Container } from "@dagger.io/dagger";
import { beforeEach, describe, expect, it } from "vitest";
import type { Stack } from "../../pipeline/src/terraform.js";
import { applyCommand, partlyApplied } from "../../pipeline/src/terraformApply.js";
import { temporaryFolder } from "./temporary.js";

let folder: string;
let rescue: string;

beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ["bin", "work", "kept"]) mkdirSync(join(folder, name));
  rescue = join(folder, "kept/111122223333.dev.tfstate");
});

/** Runs the command with a terraform whose `apply` does this. */
function run(apply: string) {
  writeFileSync(join(folder, "bin/terraform"), `#!/bin/sh\ncase $1 in apply) ${apply} ;; esac\n`);
  chmodSync(join(folder, "bin/terraform"), 0o755);
  const [command = "", ...args] = applyCommand("dev", "plan.tfplan", rescue);
  const options = { cwd: join(folder, "work"), env: { PATH: `${folder}/bin:${process.env.PATH}` }, timeout: 10_000 };
  return new Promise<{ code: number; stdout: string; stderr: string }>((done) =>
    execFile(command, args, options, (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), stdout, stderr }),
    ),
  );
}

const stack = {
  ...{ folder: "stacks/viney-infra", workspace: "dev" },
  session: { account: "111122223333", region: "eu-west-1" },
} as unknown as Stack;
const explained = async (apply: string) => {
  const outcome = await run(apply);
  expect(outcome.code).not.toBe(0);
  return partlyApplied(stack, { ...outcome, container: {} as Container }).message;
};
const NOT_WRITTEN = "echo 'Error: Failed to save state' >&2; echo 'It was written to errored.tfstate' >&2";

describe("a state that its bucket did not take", () => {
  const apply = `echo state-2 >errored.tfstate; ${NOT_WRITTEN}; exit 1`;

  it("is kept, and the one that was kept before beside it; the calls to put it back are named", async () => {
    writeFileSync(rescue, "state-1\n");
    const message = await explained(apply);
    expect(readFileSync(rescue, "utf8")).toBe("state-2\n");
    const older = readdirSync(join(folder, "kept")).filter((name) => /\.tfstate\.\d+$/.test(name));
    expect(older.map((name) => readFileSync(join(folder, "kept", name), "utf8"))).toEqual(["state-1\n"]);
    expect(message).toMatch(
      /could not write the state to its bucket helloworld-terraform-111122223333-eu-west-1\. It is kept on this engine\./,
    );
    expect(message).toMatch(
      /Failed to save state[\s\S]*dagger call rescued-state --env dev[\s\S]*push-state --env dev/,
    );
    expect(message).not.toContain("NOT kept");
  });

  it("is not said to be kept where there was no room for it, and the one from before stays as it was", async () => {
    writeFileSync(rescue, "state-1\n");
    writeFileSync(join(folder, "bin/cp"), "#!/bin/sh\necho half >$2\nexit 1\n", { mode: 0o755 });
    const message = await explained(apply);
    expect(message).toMatch(
      /NOT kept on this engine: is its disk full\?[\s\S]*Failed to save state[\s\S]*push-state --env dev/,
    );
    expect(readFileSync(rescue, "utf8")).toBe("state-1\n");
    expect(readdirSync(join(folder, "kept")).filter((name) => name.includes(".tfstate"))).toHaveLength(1);
  });

  it("is not said to be kept where Terraform could write it nowhere, and has printed it", async () => {
    const message = await explained(
      "echo '{\"version\": 4}'; echo 'Error: Failed to create local state file: errored.tfstate: no space left' >&2; exit 1",
    );
    expect(message).toContain("NOT kept on this engine");
    expect(existsSync(rescue)).toBe(false);
  });
});

describe("an apply that fails", () => {
  it("says that what was done is in the state, once something was", async () => {
    const message = await explained("echo 'a.b: Creating...'; echo 'Error: no such thing' >&2; exit 1");
    expect(message).toMatch(
      /no such thing[\s\S]*What was done before the error is in the state; nothing is lost\. Mend the cause, and plan again\.$/,
    );
    expect(await explained("echo 'Error: no such thing' >&2; exit 1")).not.toContain("What was done before");
  });

  it.each([
    ["is killed", "kill -KILL $$"],
    ["crashes", "exit 11"],
  ])("says how old the state is when Terraform %s", async (_, end) => {
    const message = await explained(`echo 'a.b: Creating...'; ${end}`);
    expect(message).toMatch(
      /terraform was killed, or has crashed \(\d+\)[\s\S]*twenty seconds before at most[\s\S]*`terraform import`/,
    );
  });
});
