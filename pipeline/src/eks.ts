import type { Cluster as EksDescription } from "@aws-sdk/client-eks";
import { type AwsSession, clientSettings, unanswered } from "./aws.js";
import type { Target } from "./deployment.js";
import { eksToken, renewedToken, requireLiveSession } from "./eksToken.js";
import type { EnvironmentEntry } from "./environments.js";
import type { Advice } from "./kubeconfig.js";
import { connect } from "./kubernetes.js";

/** A cluster as EKS describes it: what a kubeconfig needs. */
export interface EksCluster {
  readonly name: string;
  /** The API server's URL. */
  readonly endpoint: string;
  /** The certificate of its authority, in base64. */
  readonly authority: string;
  /** Who may reach the endpoint, in words. */
  readonly reach: string;
}

/**
 * The environment's cluster, opened with tokens of the session and asked once, so that a refusal comes before any change.
 *
 * @throws Error: no such cluster (with those that there are), not active, no right to look; ClusterError when the API server
 *   does not answer or does not know the session's identity
 */
export async function eksTarget(session: AwsSession, environment: EnvironmentEntry): Promise<Target> {
  const cluster = await findEksCluster(session, environment.cluster);
  const signed = renewedToken((now) => eksToken(session, cluster.name, now));
  const token = async () => {
    requireLiveSession(session.credentials, new Date());
    return await signed();
  };
  const api = await connect(eksKubeconfig(cluster), { token, advice: adviceOf(session, cluster) });
  await api.serverVersion();
  const freshKubeconfig = async () => eksKubeconfig(cluster, await eksToken(session, cluster.name));
  return { api, kubeconfig: await freshKubeconfig(), freshKubeconfig };
}

/** A kubeconfig for the environment's cluster whose token EKS takes for 15 minutes. */
export async function eksKubeconfigOf(session: AwsSession, environment: EnvironmentEntry): Promise<string> {
  const cluster = await findEksCluster(session, environment.cluster);
  return eksKubeconfig(cluster, await eksToken(session, cluster.name));
}

/** Looks a cluster up in the session's account and region. */
export async function findEksCluster(session: AwsSession, name: string): Promise<EksCluster> {
  const { DescribeClusterCommand, EKSClient } = await loadEks();
  const client = new EKSClient(settingsOf(session));
  const { cluster } = await client.send(new DescribeClusterCommand({ name })).catch(async (error) => {
    throw await explain(error, session, name);
  });
  return usable(cluster, name);
}

/** Only calls that speak to EKS pay for the client. */
const loadEks = () => import("@aws-sdk/client-eks");

const settingsOf = ({ region, credentials, endpoint }: AwsSession) => ({
  ...clientSettings,
  ...{ region, credentials },
  endpoint: endpoint?.url,
});

function usable(cluster: EksDescription | undefined, name: string): EksCluster {
  const { status = "unknown", endpoint, certificateAuthority, resourcesVpcConfig } = cluster ?? {};
  // A cluster that is being updated serves all the while.
  if (status !== "ACTIVE" && status !== "UPDATING")
    throw new Error(
      `The EKS cluster ${name} is ${status} and not ACTIVE. Nothing was done.` +
        (status === "CREATING" ? " It takes about ten minutes to be made: repeat the call then." : ""),
    );
  if (!endpoint || !certificateAuthority?.data)
    throw new Error(`EKS gives no API server for the cluster ${name}. Nothing was done.`);
  return { name, endpoint, authority: certificateAuthority.data, reach: reachOf(resourcesVpcConfig) };
}

function reachOf({ endpointPublicAccess = true, publicAccessCidrs = [] }: EksDescription["resourcesVpcConfig"] = {}) {
  if (!endpointPublicAccess) return "The cluster's API is private: it answers inside of its VPC only.";
  return `The cluster's API answers ${publicAccessCidrs.join(", ") || "0.0.0.0/0"}: is this machine among them?`;
}

async function explain(error: unknown, session: AwsSession, name: string): Promise<Error> {
  const { name: code, message } = error as Error;
  const { account, region, caller } = session;
  const place = `the AWS account ${account}, region ${region}`;
  const silence = unanswered(`EKS in ${region}`, error);
  if (silence) return new Error(silence);
  if (code === "ResourceNotFoundException")
    return new Error(
      `There is no EKS cluster ${name} in ${place}: ${await others(session)}. ` +
        "Is it the right account (whoami tells; --aws-account demands one), and has the infrastructure been applied? Nothing was done.",
    );
  if (code === "AccessDeniedException")
    return new Error(
      `${caller} may not look up the EKS cluster ${name} in ${place} (eks:DescribeCluster). Nothing was done.`,
    );
  if (/^(ExpiredToken|UnrecognizedClient)/.test(code))
    return new Error(
      `EKS does not accept the AWS session: it has ended. Log in again, and repeat the call. Nothing was done.`,
    );
  return new Error(`Looking up the EKS cluster ${name} in ${place} failed: ${message} (${code}). Nothing was done.`);
}

async function others(session: AwsSession): Promise<string> {
  const { EKSClient, paginateListClusters } = await loadEks();
  const names: string[] = [];
  try {
    const pages = paginateListClusters({ client: new EKSClient(settingsOf(session)) }, {});
    for await (const { clusters = [] } of pages) names.push(...clusters);
  } catch (error) {
    return `which ones there are can't be listed (${(error as Error).name})`;
  }
  return names.length > 0 ? `there ${names.length > 1 ? "are" : "is"} ${names.join(", ")}` : "there is none at all";
}

/** A kubeconfig as `aws eks update-kubeconfig` writes it, with a token in place of the command that would make one. */
export function eksKubeconfig({ name, endpoint, authority }: EksCluster, token?: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: endpoint, "certificate-authority-data": authority } }],
    users: [{ name: "aws", user: token ? { token } : {} }],
    contexts: [{ name, context: { cluster: name, user: "aws" } }],
    "current-context": name,
  });
}

/** What the cluster's refusals mean for the session, and what to do. */
export function adviceOf({ arn }: AwsSession, { name, reach }: EksCluster): Advice {
  const principal = principalOf(arn);
  const terraform = "in Terraform the variable access_entries of the stack viney-infra makes it";
  const ask = roleArnCommand(arn);
  const path = ask ? ` The entry names the role's ARN with its path, which STS leaves out (${ask}).` : "";
  return {
    unauthorized:
      `They are tokens of ${arn}: the cluster has no access entry for ${principal} ` +
      `(aws eks list-access-entries --cluster-name ${name}); ${terraform}.${path} A new one takes a minute to work.`,
    forbidden: `The access entry of ${principal} has no policy that allows this (aws eks list-associated-access-policies); ${terraform}.`,
    unreachable: reach,
  };
}

/** The ARN of a role's session. */
const ROLE_SESSION = /^arn:([\w-]+):sts::(\d+):assumed-role\/([^/]+)\//;

/** What an access entry names: of a session by its role, the role. Its ARN lacks the role's path, which STS leaves out. */
export function principalOf(arn: string): string {
  const [, partition, account, role] = ROLE_SESSION.exec(arn) ?? [];
  if (!role) return arn;
  // Roles of IAM Identity Center always have a path: without it, it would be the ARN of no role.
  return role.startsWith("AWSReservedSSO_") ? `the role ${role}` : `arn:${partition}:iam::${account}:role/${role}`;
}

/** The command that tells the whole ARN of a session's role, for an access entry; none for who is no role. */
export function roleArnCommand(arn: string): string | undefined {
  const role = ROLE_SESSION.exec(arn)?.[3];
  return role && `aws iam get-role --role-name ${role} --query Role.Arn --output text`;
}
