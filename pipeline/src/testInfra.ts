import { randomUUID } from "node:crypto";
import { type Directory, dag } from "@dagger.io/dagger";
import { type AwsSession, openAwsSession, withAwsSession } from "./aws.js";
import { bootstrap } from "./bootstrap.js";
import type { EnvironmentEntry } from "./environments.js";
import { exec, uncached } from "./exec.js";
import { images } from "./images.js";
import { plannedAction, totals } from "./planSummary.js";
import type { Report } from "./report.js";
import { SIMULATED_CREDENTIALS, simulatedAws } from "./simulatedAws.js";
import { readOutputs } from "./stateCommands.js";
import { type Log, type Run, runSteps } from "./steps.js";
import { applyFile, applyPlan } from "./terraformApply.js";
import { findDrift } from "./terraformDrift.js";
import { doesNothing, makePlan, platformStack, type TerraformRun } from "./terraformPlan.js";

/** What the simulator does not have, or does differently. */
export const simulated = (stack: string) => `terraform/stacks/${stack}/simulated.tfvars`;
/** The simulator forgets some of a cluster's settings, so what must stay as it was made is the network. */
const NETWORK = ["modules={eks=false}"];

/** The life of an environment's infrastructure on a simulated AWS, from the empty account to the empty account. */
export async function testInfra(source: Directory, environment: EnvironmentEntry, log: Log): Promise<Report> {
  const network = ["plan network", "apply network", "plan again", "no drift", "drift", "repair"];
  const plan = ["simulated AWS", "bootstrap", ...network, "plan platform", "apply platform", "outputs", "destroy"];
  const title = `Infrastructure of ${environment.name} on a simulated AWS`;
  const { report } = await runSteps({ title, plan, log }, async (steps) => {
    const service = simulatedAws(randomUUID());
    const session = await steps.step("simulated AWS", async (note) => {
      const credentials = dag.setSecret(`simulated-${randomUUID()}`, SIMULATED_CREDENTIALS);
      const opened = await openAwsSession({ credentials, endpoint: service }, environment.region);
      note(`account ${opened.account}`);
      return opened;
    });
    try {
      const varFile = source.file(simulated("viney-infra"));
      const platform: TerraformRun = { source, environment, session, vars: [], varFile, log };
      await steps.step("bootstrap", async (note) =>
        note(lastLine(await bootstrap({ source, session, vars: [], varFile: source.file(simulated("account")), log }))),
      );
      await testNetwork(steps, { ...platform, vars: NETWORK });
      await applyInSteps(steps, "platform", platform);
      await steps.step("outputs", async (note) => {
        const name = await readOutputs(platform, "cluster_name");
        if (name !== environment.cluster) throw new Error(`The cluster is called ${name}, not ${environment.cluster}.`);
        note(name);
      });
      await steps.step("destroy", async (note) => {
        const removal = await makePlan(platform, { destroy: true });
        note(lastLine(await applyFile(platformStack(platform), removal.container)));
      });
    } finally {
      await service.stop({ kill: true });
    }
  });
  return report;
}

/** Applies a plan and leaves it alone, changes something by hand, and lets Terraform find and repair it. */
async function testNetwork(steps: Run, network: TerraformRun): Promise<void> {
  await applyInSteps(steps, "network", network);
  await steps.step("plan again", async (note) => {
    const again = await makePlan(network);
    if (!doesNothing(again)) throw new Error(`A plan right after the apply is not empty:\n${again.summary}`);
    note("no changes");
  });
  await steps.step("no drift", async () => {
    const found = await findDrift(network);
    if (found) throw new Error(`Nothing was touched, and there is drift:\n${found}`);
  });
  await steps.step("drift", async (note) => {
    await changeByHand(network.session);
    const found = await findDrift(network);
    if (!found?.includes("retention_in_days"))
      throw new Error(`Flow logs were changed by hand, and that was not found:\n${found ?? "no drift"}`);
    note("the flow logs' retention, changed by hand, was found");
  });
  await steps.step("repair", async (note) => {
    const repair = await makePlan(network);
    note(totalsOf(repair.json));
    await applyPlan(network, repair.folder, async () => network.session);
    const left = await findDrift(network);
    if (left) throw new Error(`After the repair there is still drift:\n${left}`);
  });
}

async function applyInSteps(steps: Run, what: string, run: TerraformRun): Promise<void> {
  const made = await steps.step(`plan ${what}`, async (note) => {
    const planned = await makePlan(run);
    note(totalsOf(planned.json));
    return planned;
  });
  await steps.step(`apply ${what}`, async (note) =>
    note(lastLine(await applyPlan(run, made.folder, async () => run.session))),
  );
}

function totalsOf({ resource_changes = [] }: { resource_changes?: readonly Parameters<typeof plannedAction>[0][] }) {
  return totals(resource_changes.flatMap((resource) => plannedAction(resource) ?? []));
}

const lastLine = (text: string) => text.trim().split("\n").at(-1)?.replace(/\*\*/g, "") ?? "";

/** Does what somebody does in the console: has the logs kept for another time. */
export async function changeByHand(session: AwsSession): Promise<void> {
  const script = [
    "import boto3",
    "logs = boto3.client('logs')",
    "for group in logs.describe_log_groups()['logGroups']:",
    "    logs.put_retention_policy(logGroupName=group['logGroupName'], retentionInDays=1)",
  ].join("\n");
  const moto = dag.container().from(images.moto).withEnvVariable("AWS_DEFAULT_REGION", session.region);
  const container = uncached(withAwsSession(moto, session));
  const { code, stderr } = await exec(container, ["python3", "-c", script]);
  if (code !== 0) throw new Error(`Changing the logs failed:\n${stderr}`);
}
