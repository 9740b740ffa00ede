// Terraform's functions on simulated accounts, with all that can go wrong. What is about the pipeline and not about the platform
// runs with a stack that has one resource and needs no provider.
import { type Directory, dag } from "@dagger.io/dagger";
import { type AwsSession, openAwsSession } from "./aws.js";
import { bootstrap } from "./bootstrap.js";
import { type Note, textOf } from "./cases.js";
import { environment, REGION } from "./environments.js";
import { exec } from "./exec.js";
import { pushState, rescuedState } from "./rescue.js";
import { inSimulatedAccount, makeStateBackend, networkOf, python } from "./simulatedAccount.js";
import { SIMULATED_CREDENTIALS } from "./simulatedAws.js";
import { forceUnlock, readOutputs } from "./stateCommands.js";
import type { Log } from "./steps.js";
import { initialize } from "./terraform.js";
import { applyPlan } from "./terraformApply.js";
import { destroyEnvironment } from "./terraformDestroy.js";
import { findDrift } from "./terraformDrift.js";
import { makePlan, PLAN_FILE, platformStack, type TerraformRun } from "./terraformPlan.js";
import { changeByHand, simulated } from "./testInfra.js";
import { together } from "./together.js";

const summaryOf = (run: TerraformRun) => makePlan(run).then(({ summary }) => summary);
const STACK = "terraform/stacks/viney-infra";

/** All cases, in accounts that know nothing of each other, together. */
export async function infraCases(source: Directory, note: Note, log: Log): Promise<void> {
  await together([
    inSimulatedAccount((session) => lifeOfAnEnvironment(source, session, note, log)),
    inSimulatedAccount((session) => interruptedBootstrap(source, session, note, log)),
    inSimulatedAccount((session) => withoutProviders(source, session, note, log)),
  ]);
}

/** The real stack and the real providers, from the empty account to the empty environment. */
async function lifeOfAnEnvironment(source: Directory, session: AwsSession, note: Note, log: Log): Promise<void> {
  const dev = networkOf(source, session, "dev", log);
  const account = { source, session, vars: [], varFile: source.file(simulated("account")), log };
  await note("no bucket", () => makePlan(dev));
  const prepared = note("bootstrap", () => bootstrap(account)).then(() =>
    note("bootstrap again", () => bootstrap(account)),
  );
  // What states need is there early; the provider then waits a minute for a bucket's setting.
  await note("state backend", () => python(session, WAIT_FOR_BACKEND));

  const { folder } = await makePlan(dev);
  for (const file of ["plan.json", "summary.md"]) await note(file, () => folder.file(file).contents());
  await Promise.all([1, 2].map((number) => note(`apply ${number}`, () => applyPlan(dev, folder, async () => session))));
  await note("no drift", () => findDrift(dev));
  await changeByHand(session);
  await note("drift", () => findDrift(dev));
  await note("destroy", () => destroyEnvironment(dev));
  await note("nothing left", () => readOutputs(dev));
  await prepared;

  const { endpoint } = session;
  const access = { credentials: dag.setSecret("simulated", SIMULATED_CREDENTIALS), endpoint: endpoint?.service };
  const token = { roleArn: `arn:aws:iam::${session.account}:role/helloworld-deploy-dev` };
  const webIdentityToken = dag.setSecret("token", "header.payload.signature");
  await note("web identity", async () => {
    const opened = await openAwsSession({ ...token, webIdentityToken, endpoint: endpoint?.service }, REGION);
    return opened.caller;
  });
  await note("wrong account", () => openAwsSession({ ...access, account: "999999999999" }, REGION));
}

const WAIT_FOR_BACKEND = `
def there():
  aws('dynamodb').describe_table(TableName=TABLE)
  return aws('s3').get_bucket_versioning(Bucket=BUCKET)['Status'] and [a for a in aws('kms').list_aliases()['Aliases'] if a['AliasName'] == ALIAS]
for attempt in range(1200):
  try:
    if there(): break
  except Exception: pass
  time.sleep(0.2)
else: sys.exit('no state backend')
`;

/** A bootstrap that is killed in the middle, and the one that finishes its work. */
async function interruptedBootstrap(source: Directory, session: AwsSession, note: Note, log: Log): Promise<void> {
  const account = { source, session, vars: [], varFile: source.file(simulated("account")), log };
  const killed = await killedInTheMiddle(source);
  await note("bootstrap killed", () => bootstrap({ ...account, source: killed }));
  await note("left behind", () => python(session, COUNT));
  await note("bootstrap finished", () => bootstrap(account));
  await note("made once", () => python(session, COUNT));
}

/** Terraform ends when bucket, key and roles are there. All policies name the key, which they get from what then never is made. */
async function killedInTheMiddle(source: Directory): Promise<Directory> {
  const folder = "terraform/stacks/account";
  const code = await source.file(`${folder}/main.tf`).contents();
  const without = code.replace("= module.state_backend.kms_key_arn", "= terraform_data.killed.output[0]");
  if (without === code) throw new Error(`${folder}/main.tf gives the key's ARN in another way.`);
  return source.withNewFile(`${folder}/main.tf`, without).withNewFile(`${folder}/killed.tf`, KILLED);
}

const KILLED = `
resource "terraform_data" "killed" {
  input = [module.state_backend.kms_key_arn, module.state_backend.kms_alias, module.state_backend.bucket, module.github_oidc.role_arns]
  provisioner "local-exec" {
    command = "kill -KILL $PPID"
  }
}
`;

const COUNT = `
iam, kms = aws('iam'), aws('kms')
# In this order: AWS' own keys come into being when something first needs them, and each then has its alias.
keys = kms.list_keys()['Keys']
own = {alias['TargetKeyId'] for alias in kms.list_aliases()['Aliases'] if alias['AliasName'].startswith('alias/aws/') and 'TargetKeyId' in alias}
keys = [key for key in keys if key['KeyId'] not in own]
state = aws('s3').list_objects_v2(Bucket=BUCKET).get('Contents', [])
print(len(aws('s3').list_buckets()['Buckets']), 'buckets,', len(keys), 'keys,',
  len(iam.list_policies(Scope='Local')['Policies']), 'policies,', len(iam.list_roles()['Roles']), 'roles,', len(state), 'states')
`;

/** What the pipeline makes of plans, states and locks. */
async function withoutProviders(source: Directory, session: AwsSession, note: Note, log: Log): Promise<void> {
  const others = source.directory("terraform").filter({ exclude: [STACK.replace("terraform/", "")] });
  const small = dag
    .directory()
    .withDirectory("terraform", others)
    .withFile(`${STACK}/backend.tf`, source.file(`${STACK}/backend.tf`));
  const of = (name: string, code: string): TerraformRun => ({
    ...{ source: small.withNewFile(`${STACK}/main.tf`, code), environment: environment(name), session, vars: [], log },
  });
  await makeStateBackend(session);
  await plans(of("dev", resource("true")), note);
  await locks(of("prod", resource("kill -KILL $PPID")), note);
  await note("invalid HCL", () => makePlan(of("dev", `${resource("true")}\noutput "broken" {\n  value = \n}\n`)));
  await note("invalid argument", () => makePlan(of("dev", `${resource("true")}\nlocals {\n  a = var.unknown\n}\n`)));
  await note("no provider", () => makePlan(of("dev", `${NO_PROVIDER}${resource("true")}`)));
  await rescue(of("dev", resource(UNTIL_GONE)), note);
  await python(session, "aws('dynamodb').delete_table(TableName=TABLE)");
  await note("no lock table", () => makePlan(of("dev", resource("true"))));
}

/** A stack of one resource; making it runs a command. */
const resource = (command: string) => `variable "environment" {
  type = string
}
resource "terraform_data" "made" {
  triggers_replace = ["${command}"]
  input            = var.environment
  provisioner "local-exec" {
    command = "${command}"
  }
}
output "environment" {
  value = terraform_data.made.output
}
`;

const NO_PROVIDER = `terraform {
  required_providers {
    aws = {
      source = "registry.invalid/hashicorp/aws"
    }
  }
}
`;

async function plans(dev: TerraformRun, note: Note): Promise<void> {
  const { session, source } = dev;
  await note("not applied", () => readOutputs(dev));
  const { folder } = await makePlan(dev);
  const apply = (run: TerraformRun, plan = folder, as = session) => applyPlan(run, plan, async () => as);
  await note("another environment", () => apply({ ...dev, environment: environment("prod") }));
  await note("another commit", () => apply({ ...dev, source: source.withNewFile(`${STACK}/more.tf`, "# edited") }));
  await note("damaged", () => apply(dev, folder.withNewFile(PLAN_FILE, "no plan")));
  await note("another account", () => apply(dev, folder, { ...session, account: "999999999999" }));
  await note("apply", () => apply(dev));
  await note("stale", () => apply(dev));
  await note("output", () => readOutputs(dev, "environment"));
  await note("outputs", () => readOutputs(dev));
  await note("no output", () => readOutputs(dev, "nothing"));
}

/** An apply that is killed while it holds the lock. */
async function locks(prod: TerraformRun, note: Note): Promise<void> {
  const { folder } = await makePlan(prod);
  const ready = (await initialize(platformStack(prod))).withFile(PLAN_FILE, folder.file(PLAN_FILE));
  const killed = `terraform workspace select prod && terraform apply ${PLAN_FILE}; test $? = 137`;
  await note("killed", async () => (await exec(ready, ["sh", "-c", killed])).code);
  const held = await summaryOf(prod).catch(textOf);
  await note("locked", async () => held);
  await note("another lock", () => forceUnlock(prod, "00000000-0000-4000-8000-000000000000"));
  await note("unlock", () => forceUnlock(prod, lockIn(held)));
  await note("after the unlock", () => summaryOf(prod));
}

const lockIn = (text: string) => /lock id: +(\S+)/.exec(text)?.[1] ?? "";

/** A bucket that is gone while an apply works, and comes back. */
async function rescue(dev: TerraformRun, note: Note): Promise<void> {
  const { session } = dev;
  const { folder } = await makePlan(dev);
  await Promise.all([
    note("not written", () => applyPlan(dev, folder, async () => session)),
    note("taken away", () => python(session, TAKE_AWAY)),
  ]);
  await note("rescued", async () => (await rescuedState(dev.environment)).contents());
  const rescued = await rescuedState(dev.environment);
  await python(session, GIVE_BACK);
  const held = await summaryOf(dev).catch(textOf);
  await note("still locked", async () => held);
  await note("unlock the half", () => forceUnlock(dev, lockIn(held)));
  await note("pushed no state", () => pushState(dev, dag.directory().withNewFile("s", "{}").file("s")));
  await note("pushed another state", async () => {
    const text = (await rescued.contents()).replace(/"lineage": "[^"]*"/, '"lineage": "another"');
    return await pushState(dev, dag.directory().withNewFile("s", text).file("s"));
  });
  await note("still rescued", async () => (await rescuedState(dev.environment)).contents());
  await note("pushed", () => pushState(dev, rescued));
  await note("as it was applied", () => summaryOf(dev));
  await note("rescued no more", async () => (await rescuedState(dev.environment)).contents());
}

/**
 * What an apply works at: it makes the state of a workspace `started`, for a sign, and waits until the bucket is gone. Quietly: its errors
 * would be taken for the apply's.
 */
const UNTIL_GONE =
  "exec >/dev/null 2>&1; TF_WORKSPACE=started terraform state pull; " +
  "timeout 300 sh -c 'while terraform workspace list; do sleep 0.2; done'";

/** Once an apply has given its sign, and has long read its state: what is in the bucket goes aside, and the bucket goes. */
const TAKE_AWAY = `
s3 = aws('s3')
for attempt in range(3000):
  signs = [found['Key'] for found in s3.list_objects_v2(Bucket=BUCKET)['Contents'] if '/started/' in found['Key']]
  if signs and not any(key.endswith('.tflock') for key in signs): break
  time.sleep(0.1)
else: sys.exit('nothing was applied')
make_bucket('aside')
for found in s3.list_objects_v2(Bucket=BUCKET)['Contents']:
  s3.put_object(Bucket='aside', Key=found['Key'], Body=s3.get_object(Bucket=BUCKET, Key=found['Key'])['Body'].read())
listed = s3.list_object_versions(Bucket=BUCKET)
for found in listed.get('Versions', []) + listed.get('DeleteMarkers', []):
  s3.delete_object(Bucket=BUCKET, Key=found['Key'], VersionId=found['VersionId'])
s3.delete_bucket(Bucket=BUCKET)
`;

const GIVE_BACK = `
s3 = aws('s3')
make_bucket(BUCKET)
s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={'Status': 'Enabled'})
for found in s3.list_objects_v2(Bucket='aside')['Contents']:
  s3.put_object(Bucket=BUCKET, Key=found['Key'], Body=s3.get_object(Bucket='aside', Key=found['Key'])['Body'].read())
`;
