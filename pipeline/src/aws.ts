import { randomUUID } from "node:crypto";
import { type Container, dag, type Secret, type Service } from "@dagger.io/dagger";
import { type AwsCredentials, parseAwsCredentials } from "./awsCredentials.js";

/**
 * How long a session by web identity lasts: an apply of a whole platform takes up to 40 minutes, an upgrade with its nodes an hour. A
 * role that allows less allows the hour at least.
 */
const SESSION_SECONDS = 7200;
const SHORT_SESSION_SECONDS = 3600;

/** Who speaks to AWS, as the caller gave it: credentials, or a role with a web identity token. */
export interface AwsAccess {
  readonly credentials?: Secret;
  /** Which profile of a credentials file. */
  readonly profile?: string;
  readonly roleArn?: string;
  readonly webIdentityToken?: Secret;
  /** The account that it must be: 12 digits. */
  readonly account?: string;
  /** Answers in AWS's place: the simulator of `test-infra`. */
  readonly endpoint?: Service;
}

/** Where a simulator answers: to this process under `url`, to containers once its service is bound. */
interface Endpoint {
  readonly service: Service;
  readonly port: number;
  readonly url: string;
}

/** A session that AWS has accepted. */
export interface AwsSession {
  readonly credentials: AwsCredentials;
  readonly region: string;
  readonly account: string;
  readonly arn: string;
  /** Who it is in a few words: the last parts of its ARN, as `assumed-role/helloworld-deploy-dev/run-4711`. */
  readonly caller: string;
  readonly endpoint?: Endpoint;
}

/**
 * Opens a session and asks AWS who it is, so that everything after this fails for its own reasons only.
 *
 * @throws Error that says what is missing, malformed, expired, refused, or which account it is instead
 */
export async function openAwsSession(access: AwsAccess, region: string): Promise<AwsSession> {
  checkAccess(access);
  const endpoint = access.endpoint && (await startEndpoint(access.endpoint));
  const settings = { ...clientSettings, region, endpoint: endpoint?.url };
  const credentials = await credentialsOf(access, settings);
  const { GetCallerIdentityCommand, STSClient } = await loadSts();
  const identity = await new STSClient({ ...settings, credentials })
    .send(new GetCallerIdentityCommand({}))
    .catch((error) => refuse("AWS does not accept the credentials", error, region));
  const { Account: account = "", Arn: arn = "" } = identity;
  if (access.account && access.account !== account)
    throw new Error(
      `The credentials are of the AWS account ${account} (${arn}), and --aws-account says ${access.account}. Nothing was done.`,
    );
  return {
    credentials,
    region,
    account,
    arn,
    caller: arn.split(":").slice(5).join(":"),
    endpoint,
  };
}

/** @throws Error when it is no account's number */
export function checkAccount(account: string | undefined): void {
  if (account === undefined || /^\d{12}$/.test(account)) return;
  throw new Error(`--aws-account ${JSON.stringify(account)} is no AWS account: it has 12 digits.`);
}

function checkAccess({ credentials, roleArn, webIdentityToken, account }: AwsAccess): void {
  checkAccount(account);
  if (roleArn !== undefined && !/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(roleArn))
    throw new Error(
      `--aws-role-arn ${JSON.stringify(roleArn)} is no role's ARN; it looks like arn:aws:iam::123456789012:role/helloworld-deploy-dev.`,
    );
  if (roleArn && !webIdentityToken)
    throw new Error("--aws-role-arn needs --aws-web-identity-token: the OIDC token that proves who assumes the role.");
  if (webIdentityToken && !roleArn)
    throw new Error("--aws-web-identity-token needs --aws-role-arn: the role to assume with it.");
  if (credentials && roleArn)
    throw new Error("Give either --aws-credentials or --aws-role-arn with --aws-web-identity-token, not both.");
  if (!credentials && !roleArn)
    throw new Error(
      "No AWS credentials. Before the function's name, give " +
        '--aws-credentials cmd:"aws configure export-credentials" on a laptop, or --aws-role-arn and --aws-web-identity-token in CI. ' +
        "Without an account: dagger call test-infra needs none.",
    );
}

/**
 * What every client of AWS has. Without limits the kernel's hold, which wait for a network that drops packets for a quarter of an
 * hour; without the last setting the client only warns that a limit has passed.
 */
export const clientSettings = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true },
};

const UNREACHABLE = /^(?:E(?:CONN|HOST|NET|TIMED|PIPE)|ENOTFOUND|EAI_)/;

/** Says that a service of AWS has not answered at all; nothing where it has. */
export function unanswered(service: string, error: unknown): string | undefined {
  const { name, code = "", message } = error as Error & { code?: string };
  if (name !== "TimeoutError" && !UNREACHABLE.test(code)) return undefined;
  const why = (message || code).replace(/^@smithy\S* - (\[ERROR\] )?|\.$/g, "");
  return `${service} does not answer: ${why}. See whether this machine reaches AWS (network, DNS, firewall), and repeat the call. Nothing was done.`;
}

async function credentialsOf(access: AwsAccess, settings: { region: string; endpoint?: string }) {
  if (access.credentials) return parseAwsCredentials(await access.credentials.plaintext(), access.profile);
  const token = (await access.webIdentityToken?.plaintext())?.trim();
  const { AssumeRoleWithWebIdentityCommand, STSClient } = await loadSts();
  const client = new STSClient({ ...settings, credentials: unsigned });
  const assume = (DurationSeconds: number) =>
    client.send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: access.roleArn,
        RoleSessionName: sessionName(token),
        WebIdentityToken: token,
        DurationSeconds,
      }),
    );
  const { Credentials: given } = await assume(SESSION_SECONDS)
    .catch((error) => {
      if (!isTooLong(error)) throw error;
      return assume(SHORT_SESSION_SECONDS);
    })
    .catch((error) => refuse(`AWS does not let the token assume ${access.roleArn}`, error, settings.region));
  return {
    accessKeyId: given?.AccessKeyId ?? "",
    secretAccessKey: given?.SecretAccessKey ?? "",
    sessionToken: given?.SessionToken,
    expiration: given?.Expiration,
  };
}

/** What AWS' logs and the locks of states call a session: GitHub's run, whose number is in the token. */
export function sessionName(token = ""): string {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    if (/^\d{1,20}$/.test(claims.run_id)) return `run-${claims.run_id}`;
  } catch {
    // Whether the token is good is for AWS to say.
  }
  return "helloworld-infrastructure";
}

/** "The requested DurationSeconds exceeds the MaxSessionDuration set for this role." */
const isTooLong = (error: unknown) =>
  error instanceof Error && error.name === "ValidationError" && /DurationSeconds/.test(error.message);

/** Only calls that speak to AWS pay for the client. */
const loadSts = () => import("@aws-sdk/client-sts");

/** AssumeRoleWithWebIdentity is proved by its token; without this the client would look for keys on this machine. */
const unsigned = { accessKeyId: "none", secretAccessKey: "none" };

/** What AWS's error codes mean for somebody who calls the pipeline. */
const meanings: Record<string, string> = {
  ExpiredToken: "they have expired: log in again, and repeat the call",
  ExpiredTokenException: "the token has expired: it lives for minutes, so fetch it right before the call",
  InvalidClientTokenId: "there is no such access key, or it was deleted",
  SignatureDoesNotMatch: "the secret access key doesn't belong to the access key id",
  InvalidIdentityToken:
    "the token is malformed, or the account has no OIDC provider for its issuer (dagger call bootstrap makes it)",
  AccessDenied:
    "the role's trust policy doesn't name the token's subject. A job with `environment: dev` has the subject repo:ORG/REPO:environment:dev, " +
    "and repositories made after 2026-07-15 have ids in it (https://github.com/aws-actions/configure-aws-credentials/issues/1888)",
  MalformedPolicyDocument: "the role's trust policy is malformed",
  RegionDisabledException: "STS is not enabled in this region",
};

function refuse(what: string, error: unknown, region: string): never {
  const silence = unanswered(`AWS' STS in ${region}`, error);
  if (silence) throw new Error(silence);
  const { name = "", message = "" } = error as Error;
  // The client's classes end with it, and some of AWS' own codes do.
  const meaning = meanings[name] ?? meanings[name.replace(/Exception$/, "")];
  throw new Error(`${what}: ${meaning ?? message} (${name}). Nothing was done.`);
}

async function startEndpoint(service: Service): Promise<Endpoint> {
  const started = await service.start();
  const url = await started.endpoint({ scheme: "http" });
  return { service: started, url, port: Number(new URL(url).port) };
}

/** Gives a container the session: as secret variables, and the place that answers instead of AWS where there is one. */
export function withAwsSession(container: Container, session: AwsSession): Container {
  const { credentials, region, endpoint } = session;
  const secrets = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
  };
  let given = container.withEnvVariable("AWS_REGION", region).withEnvVariable("AWS_EC2_METADATA_DISABLED", "true");
  if (endpoint)
    given = given
      .withEnvVariable("AWS_ENDPOINT_URL", `http://aws:${endpoint.port}`)
      .withServiceBinding("aws", endpoint.service)
      .withServiceBinding(`${session.account}.aws`, endpoint.service); // S3 Control puts the account before the host
  for (const [name, value] of Object.entries(secrets))
    if (value) given = given.withSecretVariable(name, dag.setSecret(`${name}-${randomUUID()}`, value));
  return given;
}
