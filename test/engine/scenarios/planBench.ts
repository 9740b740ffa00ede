// How long a plan takes that has nothing to do, through the pipeline and as a plain script, on one simulated AWS.
import { randomUUID } from "node:crypto";
import { type Directory, dag } from "@dagger.io/dagger";
import type { AwsSession } from "./aws.js";
import { exec } from "./exec.js";
import { inSimulatedAccount, makeStateBackend, networkOf } from "./simulatedAccount.js";
import type { Log } from "./steps.js";
import { backendConfig, stackContainer } from "./terraform.js";
import { applyFile } from "./terraformApply.js";
import { makePlan, platformStack, type TerraformRun, variableArguments } from "./terraformPlan.js";

/** Seconds of each round. */
export type PlanTimes = Record<"warm" | "plain warm" | "plain warm with JSON" | "cold" | "plain cold", number[]>;

/** What a script does that has no pipeline; it says itself how long it took, so that starting its container costs it nothing. */
const PLAIN = `
before=$(cut -d" " -f1 /proc/uptime)
terraform init $1 >&2 && terraform workspace select dev >&2 && terraform plan -out=plan.tfplan $2 >&2 || exit
planned=$(cut -d" " -f1 /proc/uptime)
terraform show -json plan.tfplan >plan.json || exit
echo $before $planned $(cut -d" " -f1 /proc/uptime)
`;

export async function planBench(source: Directory, rounds: number, log: Log): Promise<PlanTimes> {
  const times: PlanTimes = { warm: [], "plain warm": [], "plain warm with JSON": [], cold: [], "plain cold": [] };
  await inSimulatedAccount(async (session) => {
    await makeStateBackend(session);
    const run = networkOf(source, session, "dev", () => {});
    await applyFile(platformStack(run), (await makePlan(run)).container);
    await makePlan(run); // warm
    const note = (name: keyof PlanTimes, seconds: number) => {
      times[name].push(seconds);
      log(`${name}: ${seconds.toFixed(2)} s`);
    };
    for (let round = 0; round < rounds; round++) {
      note("warm", await pipeline(run));
      const [plan, json] = await plain(run, session);
      note("plain warm", plan);
      note("plain warm with JSON", json);
    }
    for (let round = 0; round < rounds; round++) {
      const cold = () => ({ ...run, pluginCache: dag.cacheVolume(`bench-${randomUUID()}`) });
      note("cold", await pipeline(cold()));
      note("plain cold", (await plain(cold(), session))[0]);
    }
  });
  return times;
}

async function pipeline(run: TerraformRun): Promise<number> {
  const started = Date.now();
  await (await makePlan(run)).folder.sync();
  return (Date.now() - started) / 1000;
}

/** Seconds until there is a plan, and until there is its JSON too. */
async function plain(run: TerraformRun, session: AwsSession): Promise<[number, number]> {
  const [init, plan] = [backendConfig(session), variableArguments(run)].map((words) => words.join(" "));
  const container = stackContainer(platformStack(run));
  const { code, stdout, stderr } = await exec(container, ["sh", "-c", PLAIN, "sh", init ?? "", plan ?? ""]);
  if (code !== 0) throw new Error(stderr);
  const [before = 0, planned = 0, shown = 0] = stdout.trim().split(" ").map(Number);
  return [planned - before, shown - before];
}
