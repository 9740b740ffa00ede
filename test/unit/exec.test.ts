import type { Container } from "@dagger.io/dagger";
import { expect, it } from "vitest";
import { exec } from "../../pipeline/src/exec.js";

it("asks a command for its exit code before anything else: two questions at once may run it twice", async () => {
  const asked: string[] = [];
  let ends = (_code: number): void => undefined;
  const answer = (name: string, value: Promise<unknown>) => () => {
    asked.push(name);
    return value;
  };
  const run = {
    exitCode: answer("exitCode", new Promise<number>((resolve) => (ends = resolve))),
    stdout: answer("stdout", Promise.resolve("out")),
    stderr: answer("stderr", Promise.resolve("err")),
  };
  const outcome = exec({ withExec: () => run } as unknown as Container, ["terraform", "apply"]);
  await new Promise((resolve) => setTimeout(resolve));
  expect(asked).toEqual(["exitCode"]);
  ends(3);
  expect(await outcome).toMatchObject({ code: 3, stdout: "out", stderr: "err" });
  expect(asked).toEqual(["exitCode", "stdout", "stderr"]);
});
