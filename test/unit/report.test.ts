import { describe, expect, it } from "vitest";
import { formatSeconds, hasPassed, type Report, toMarkdown } from "../../pipeline/src/report.js";
import { type Clock, describeError, type RunOptions, runSteps, StepFailure } from "../../pipeline/src/steps.js";

const report: Report = {
  title: "ci --env local\n--tag v0.2.0",
  seconds: 14.25,
  steps: [
    { name: "check", result: "passed", seconds: 2.04, detail: "3 environments" },
    { name: "deploy | v0.2.0", result: "failed", seconds: 75, detail: "exit code 1\r\n  a|b \\| <b>bold</b>\n" },
    { name: "bump", result: "skipped", seconds: 0, detail: "" },
  ],
};

describe("toMarkdown", () => {
  it("is a table with title and totals, whatever the texts hold", () => {
    expect(toMarkdown(report)).toBe(
      [
        "## ci --env local --tag v0.2.0",
        "",
        "| Step             | Result  | Time       | Detail |",
        "| ---------------- | ------- | ---------- | ------ |",
        "| check            | passed  | 2.0 s      | 3 environments |",
        "| deploy \\| v0.2.0 | failed  | 1 min 15 s | exit code 1<br>a\\|b \\\\\\| &lt;b>bold&lt;/b> |",
        "| bump             | skipped |            |  |",
        "",
        "**Failed** in 14.3 s: 1 passed, 1 failed, 1 skipped.",
        "",
      ].join("\n"),
    );
    expect(toMarkdown(report)).toBe(toMarkdown(structuredClone(report)));
  });

  it("keeps a long detail out of the table", () => {
    const steps = [{ name: "a", result: "failed" as const, seconds: 1, detail: "🚀".repeat(300) }];
    expect(toMarkdown({ title: "t", seconds: 1, steps })).toContain(`| ${"🚀".repeat(240)} … |`);
  });

  it("knows whether all went well", () => {
    expect(hasPassed(report)).toBe(false);
    expect(hasPassed({ ...report, steps: report.steps.filter((step) => step.result !== "failed") })).toBe(true);
  });

  it.each([
    [0, "0.0 s"],
    [0.04, "0.0 s"],
    [9.96, "10.0 s"],
    [59.94, "59.9 s"],
    [59.96, "1 min 0 s"],
    [125.4, "2 min 5 s"],
    [3599.6, "60 min 0 s"],
  ])("writes %s seconds as %s", (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

/** A clock that only moves when someone sleeps; sleepers wake in their order. */
function fakeClock(): Clock {
  let time = 0;
  const sleepers: { at: number; wake: () => void }[] = [];
  let scheduled = false;
  const tick = () => {
    scheduled = false;
    sleepers.sort((a, b) => a.at - b.at);
    const next = sleepers.shift();
    if (!next) return;
    time = next.at;
    next.wake();
    if (sleepers.length > 0) schedule();
  };
  const schedule = () => {
    if (!scheduled) setImmediate(tick);
    scheduled = true;
  };
  return {
    now: () => time,
    sleep: (milliseconds) =>
      new Promise((wake) => {
        sleepers.push({ at: time + milliseconds, wake });
        schedule();
      }),
  };
}

function setup(plan: RunOptions["plan"]) {
  const lines: string[] = [];
  const clock = fakeClock();
  const options: RunOptions = { title: "ci", plan, log: (line) => lines.push(line), clock };
  return { lines, clock, options };
}

async function failureOf(promise: Promise<unknown>): Promise<StepFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StepFailure);
  return error as StepFailure;
}

describe("runSteps", () => {
  it("hands values on, and says what it does, how long it took and what is next", async () => {
    const { lines, clock, options } = setup(["check", ["lint", "render"], "deploy"]);
    const { value, report } = await runSteps(options, async (run) => {
      const one = await run.step("check", async (note) => {
        await clock.sleep(1200);
        note("all fine");
        return 1;
      });
      const [two, three] = await run.parallel([
        { name: "lint", run: () => clock.sleep(2000).then(() => 2) },
        { name: "render", run: () => clock.sleep(1000).then(() => "3") },
      ]);
      return run.step("deploy", () => [one, two, three]);
    });
    expect(value).toEqual([1, 2, "3"]);
    expect(lines).toEqual([
      "[1/4] check …",
      "[1/4] check: passed in 1.2 s (all fine); next: lint",
      "[2/4] together: lint, render …",
      "[3/4] render: passed in 1.0 s; still running: lint",
      "[2/4] lint: passed in 2.0 s; next: deploy",
      "[4/4] deploy …",
      "[4/4] deploy: passed in 0.0 s",
    ]);
    expect(report).toEqual({
      title: "ci",
      seconds: 3.2,
      steps: [
        { name: "check", result: "passed", seconds: 1.2, detail: "all fine" },
        { name: "lint", result: "passed", seconds: 2, detail: "" },
        { name: "render", result: "passed", seconds: 1, detail: "" },
        { name: "deploy", result: "passed", seconds: 0, detail: "" },
      ],
    });
  });

  it("reports every failure of a group and skips what comes later", async () => {
    const { lines, clock, options } = setup([["lint", "render", "flux"], "deploy", "bump"]);
    const failure = await failureOf(
      runSteps(options, async (run) => {
        await run.parallel([
          { name: "lint", run: () => Promise.reject(new Error("values.yaml:3: unknown key\nsecond line")) },
          { name: "render", run: () => clock.sleep(1000) },
          {
            name: "flux",
            run: async () => {
              await clock.sleep(2000);
              throw new Error("no such kind");
            },
          },
        ]);
        await run.step("deploy", () => expect.unreachable());
      }),
    );
    expect(failure.report.steps.map((step) => `${step.name} ${step.result}`)).toEqual([
      "lint failed",
      "render passed",
      "flux failed",
      "deploy skipped",
      "bump skipped",
    ]);
    expect(failure.message).toBe(
      [
        "ci: failed at lint, flux",
        "",
        "lint:",
        "  values.yaml:3: unknown key",
        "  second line",
        "",
        "flux:",
        "  no such kind",
        "",
        toMarkdown(failure.report),
      ].join("\n"),
    );
    expect(lines).toContain("[1/5] lint: failed in 0.0 s (values.yaml:3: unknown key)");
    expect(lines.at(-1)).toBe("[3/5] flux: failed in 2.0 s (no such kind)");
  });

  it("stops at the first failure, and a clean-up step still runs and counts", async () => {
    const { options } = setup(["deploy", "test", "uninstall"]);
    const failure = await failureOf(
      runSteps(options, async (run) => {
        try {
          await run.step("deploy", () => {
            throw new Error("crashed");
          });
          await run.step("test", () => expect.unreachable());
        } finally {
          await run.step("uninstall", () => Promise.reject(new Error("stuck")));
        }
      }),
    );
    expect(failure.message).toContain("ci: failed at deploy, uninstall");
    expect(failure.message).toContain("  crashed");
    expect(failure.message).toContain("  stuck");
    expect(failure.report.steps.map((step) => step.result)).toEqual(["failed", "skipped", "failed"]);
  });

  it("fails even when the body swallows a step's error", async () => {
    const { options } = setup(["a", "b"]);
    const failure = await failureOf(
      runSteps(options, async (run) => {
        await run.step("a", () => Promise.reject(new Error("x"))).catch(() => undefined);
        await run.step("b", () => undefined);
      }),
    );
    expect(failure.report.steps.map((step) => step.result)).toEqual(["failed", "passed"]);
  });

  it("reports an error between the steps and steps that nobody planned", async () => {
    const { options } = setup(["a", "later"]);
    const failure = await failureOf(
      runSteps(options, async (run) => {
        await run.step("a", () => undefined);
        await run.step("extra", () => undefined);
        throw new TypeError("undefined is not a function");
      }),
    );
    expect(failure.report.steps.map((step) => `${step.name} ${step.result}`)).toEqual([
      "a passed",
      "later skipped",
      "extra passed",
      "between the steps failed",
    ]);
    expect(failure.message).toContain("undefined is not a function");
    expect(failure.cause).toBeInstanceOf(TypeError);
  });

  it("refuses two steps of one name, as their lines could not be told apart", async () => {
    const { options } = setup(["a"]);
    const failure = await failureOf(
      runSteps(options, async (run) => {
        await run.step("a", () => undefined);
        await run.step("a", () => undefined);
      }),
    );
    expect(failure.message).toContain("two steps called a");
  });
});

describe("describeError", () => {
  it("adds what a failed command said", async () => {
    const error = Object.assign(new Error("exit code: 1"), {
      name: "ExecError",
      stdout: "",
      stderr: "line 1\nError: no\n",
    });
    expect(describeError(error)).toBe("exit code: 1\nline 1\nError: no");
    const { options } = setup(["a"]);
    const failure = await failureOf(runSteps(options, (run) => run.step("a", () => Promise.reject(error))));
    expect(failure.report.steps[0]?.detail).toBe("line 1");
  });

  it("leaves out what is of use to a tracer alone", () => {
    const message = "exit code: 1 [traceparent:99f4a9a89f8df60325347db6da2f8972-fcc8ba7c35418f96]";
    expect(describeError(Object.assign(new Error(message), { name: "ExecError", stderr: "no" }))).toBe(
      "exit code: 1\nno",
    );
  });

  it("cuts long output to its end", () => {
    const stdout = Array.from({ length: 100 }, (_, index) => `line ${index}`).join("\n");
    const text = describeError(
      Object.assign(new Error("exit code: 1"), { name: "ExecError", stdout, stderr: undefined }),
    );
    expect(text.split("\n")).toHaveLength(42);
    expect(text).toContain("line 99");
  });

  it("shows anything that was thrown", () => {
    expect(describeError("text")).toBe("text");
    expect(describeError(undefined)).toBe("undefined");
    expect(describeError(new RangeError())).toBe("RangeError");
  });
});
