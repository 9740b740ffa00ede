// A simulated account, and what happens in one without Terraform.
import { randomUUID } from "node:crypto";
import { type Directory, dag } from "@dagger.io/dagger";
import { type AwsSession, openAwsSession, withAwsSession } from "./aws.js";
import { environment, REGION } from "./environments.js";
import { exec, uncached } from "./exec.js";
import { images } from "./images.js";
import { SIMULATED_CREDENTIALS, simulatedAws } from "./simulatedAws.js";
import type { Log } from "./steps.js";
import { stateBucket } from "./terraform.js";
import type { TerraformRun } from "./terraformPlan.js";
import { simulated } from "./testInfra.js";

/** Works in an account of its own, empty at first. */
export async function inSimulatedAccount<T>(work: (session: AwsSession) => Promise<T>): Promise<T> {
  const endpoint = simulatedAws(randomUUID());
  const credentials = dag.setSecret(`simulated-${randomUUID()}`, SIMULATED_CREDENTIALS);
  try {
    return await work(await openAwsSession({ credentials, endpoint }, REGION));
  } finally {
    await endpoint.stop({ kill: true });
  }
}

/** An environment's network alone: the simulator forgets some of a cluster's settings. */
export const networkOf = (source: Directory, session: AwsSession, name: string, log: Log): TerraformRun => ({
  ...{ source, environment: environment(name), session, vars: ["modules={eks=false}"], log },
  varFile: source.file(simulated("viney-infra")),
});

/** Runs Python with boto3 as `aws(service)`, and the names of what `bootstrap` makes; returns what it printed. */
export async function python(session: AwsSession, script: string): Promise<string> {
  const head = `
import boto3, sys, time
aws = lambda service: boto3.client(service, region_name='${session.region}')
BUCKET, TABLE, ALIAS = '${stateBucket(session)}', 'helloworld-terraform-locks', 'alias/helloworld-terraform'
def make_bucket(name, region='${session.region}'):
  # The first of all regions is none to S3, which refuses its name.
  where = {} if region == 'us-east-1' else {'CreateBucketConfiguration': {'LocationConstraint': region}}
  aws('s3').create_bucket(Bucket=name, **where)
`;
  const container = uncached(withAwsSession(dag.container().from(images.moto), session));
  const { code, stdout, stderr } = await exec(container, ["python3", "-c", head + script]);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** Makes at once what a state needs of all that `bootstrap` makes: bucket, lock table, key. */
export const makeStateBackend = (session: AwsSession) =>
  python(
    session,
    `
key = aws('kms').create_key()['KeyMetadata']['KeyId']
aws('kms').create_alias(AliasName=ALIAS, TargetKeyId=key)
make_bucket(BUCKET)
aws('s3').put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={'Status': 'Enabled'})
aws('dynamodb').create_table(TableName=TABLE, BillingMode='PAY_PER_REQUEST',
  KeySchema=[{'AttributeName': 'LockID', 'KeyType': 'HASH'}], AttributeDefinitions=[{'AttributeName': 'LockID', 'AttributeType': 'S'}])
`,
  );
