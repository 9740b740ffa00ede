/** EKS with a real API server: the throwaway node, which knows AWS's identities as EKS does (eks.py). */

import { lookup } from "node:dns/promises";
import { type Container, type Directory, dag, type Service } from "@dagger.io/dagger";
import { type AwsSession, openAwsSession } from "./aws.js";
import type { Note } from "./cases.js";
import { peerAuthority } from "./certificates.js";
import { API_PORT, startCluster, type ThrowawayCluster } from "./cluster.js";
import { deploy, prepareNamespace, targetOf } from "./deployment.js";
import { eksKubeconfig, eksKubeconfigOf, findEksCluster } from "./eks.js";
import { eksToken, renewedToken } from "./eksToken.js";
import { environment } from "./environments.js";
import { checkPull, renewPullSecret } from "./ghcrSecret.js";
import { images } from "./images.js";
import { connect } from "./kubernetes.js";
import { PULL_SECRET } from "./pullSecret.js";
import type { AppRegistry } from "./registry.js";
import { SIMULATED_CREDENTIALS } from "./simulatedAws.js";
import { whoami } from "./whoami.js";

const log = (line: string) => console.log(line);

const dev = environment("dev");
const WEBHOOK = "/etc/cluster/token-webhook.yaml";
const MINUTE = 60_000;

/** What each case gave or threw. */
export type Results = Record<string, string>;

export interface SimulatedEks {
  readonly aws: Service;
  readonly cluster: ThrowawayCluster;
  /** Changes what EKS says of the cluster: its state, or who has access. */
  place(change: { endpoint?: string; status?: string; entries?: Record<string, string[]> }): Promise<void>;
  stop(): Promise<void>;
}

/** A simulated AWS whose EKS cluster of dev is a node of this run, not active yet and without access entries. */
export async function startEks(registry?: AppRegistry): Promise<SimulatedEks> {
  const aws = dag
    .container()
    .from(images.moto)
    .withFile("/eks.py", dag.currentModule().source().file("src/eks.py"))
    .withEnvVariable("SIMULATOR", `${Date.now()}`)
    .withEnvVariable("REGION", dev.region)
    .withExposedPort(5000)
    .asService({ args: ["python3", "/eks.py"] });
  const webhook = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "eks" },
    clusters: [{ name: "eks", cluster: { server: "http://aws:5000/token-review" } }],
    users: [{ name: "eks", user: {} }],
    contexts: [{ name: "eks", context: { cluster: "eks", user: "eks" } }],
  };
  const extend = (node: Container) =>
    node
      .withServiceBinding("aws", aws)
      .withNewFile(WEBHOOK, JSON.stringify(webhook))
      .withEnvVariable("TOKEN_WEBHOOK", WEBHOOK);
  await aws.start();
  const url = await aws.endpoint({ scheme: "http" });
  const put = async (change: object) => {
    const response = await fetch(`${url}/place`, { method: "PUT", body: JSON.stringify(change) });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  };
  const cluster = await startCluster({ registry, log, extend });
  const { address } = await lookup(await cluster.service.hostname());
  const authority = Buffer.from(await peerAuthority(address, API_PORT)).toString("base64");
  await put({ endpoint: `https://${address}:${API_PORT}`, authority });
  await createCluster(await session(aws));
  const stop = async () => {
    await cluster.stop();
    await aws.stop({ kill: true });
  };
  return { aws, cluster, place: put, stop };
}

export const session = (endpoint: Service) =>
  openAwsSession({ credentials: dag.setSecret("simulated", SIMULATED_CREDENTIALS), endpoint }, dev.region);

async function createCluster({ region, credentials, endpoint }: AwsSession): Promise<void> {
  const { CreateClusterCommand, EKSClient } = await import("@aws-sdk/client-eks");
  const client = new EKSClient({ region, credentials, endpoint: endpoint?.url });
  const roleArn = "arn:aws:iam::123456789012:role/eks";
  await client.send(new CreateClusterCommand({ name: dev.cluster, roleArn, resourcesVpcConfig: {} }));
}

/** The whole way to a cluster by AWS credentials alone, with all that can go wrong. */
export async function eksCases(source: Directory, registry: AppRegistry, note: Note): Promise<void> {
  const eks = await startEks(registry);
  try {
    const admin = await session(eks.aws);
    const open = async (as = admin) => await targetOf(undefined, dev, async () => as);
    const version = async (as = admin) => await (await open(as)).api.serverVersion();
    const webIdentityToken = dag.setSecret("token", "header.payload.signature");
    const roleArn = `arn:aws:iam::${admin.account}:role/helloworld-deploy-dev`;
    const role = await openAwsSession({ roleArn, webIdentityToken, endpoint: eks.aws }, dev.region);
    await note("whoami", async () => whoami(admin));
    await note("whoami role", async () => whoami(role));

    await note("no such cluster", () => findEksCluster(admin, "prod-helloworld"));
    await note("creating", () => version());
    await eks.place({ status: "ACTIVE" });
    await note("no access entry", () => version());
    await note("no access entry of a role", () => version(role));
    await eks.place({ entries: { [admin.arn]: ["system:masters"], [roleArn]: ["system:authenticated"] } });
    await note("admin", () => version());
    await note("role", () => version(role));
    await note("no policy", async () => (await open(role)).api.listPods(dev.namespace, ""));
    await note("ended session", () =>
      version({ ...admin, credentials: { ...admin.credentials, expiration: new Date(Date.now() - MINUTE) } }),
    );

    const described = await findEksCluster(admin, dev.cluster);
    const tokenOf = async (of: AwsSession, cluster: string, age = 0) =>
      await eksToken(of, cluster, new Date(Date.now() - age * MINUTE));
    const withToken = async (token: string) => (await connect(eksKubeconfig(described, token))).serverVersion();
    await note("token of 14 minutes", async () => withToken(await tokenOf(admin, dev.cluster, 14)));
    await note("token of 16 minutes", async () => withToken(await tokenOf(admin, dev.cluster, 16)));
    await note("another cluster's token", async () => withToken(await tokenOf(admin, "prod-helloworld")));
    const forged = { ...admin, credentials: { ...admin.credentials, secretAccessKey: "another" } };
    await note("forged token", async () => withToken(await tokenOf(forged, dev.cluster)));
    await note("deployed", async () => {
      const deployment = { source, environment: dev, target: await open(), log };
      await prepareNamespace(deployment, registry);
      return `${(await deploy(deployment)).replicas} replicas`;
    });
    await note("kubeconfig", async () => (await connect(await eksKubeconfigOf(admin, dev))).serverVersion());

    // A run that outlives its token: by its clock it began 20 minutes ago, and then it is now.
    let behind = 20 * MINUTE;
    const token = renewedToken(
      (now) => eksToken(admin, dev.cluster, now),
      () => Date.now() - behind,
    );
    const long = await connect(eksKubeconfig(described), { token });
    await note("first token", () => long.serverVersion());
    behind = 0;
    await note("next token", () => long.serverVersion());

    const access = { source, environment: dev, registry };
    await note("pull", () => checkPull(access));
    await eks.cluster.api.deleteObject({
      apiVersion: "v1",
      kind: "Secret",
      namespace: dev.namespace,
      name: PULL_SECRET,
    });
    await note("secret", async () => renewPullSecret(access, await open()));
    await note("secret again", async () => renewPullSecret(access, await open()));
    await note("secret of nobody", async () => renewPullSecret(access, await open(role)));
    await note("secret is there", async () => {
      const found = await eks.cluster.api.findObject({
        ...{ apiVersion: "v1", kind: "Secret" },
        ...{ namespace: dev.namespace, name: PULL_SECRET },
      });
      return (found as { type?: string } | undefined)?.type;
    });
    await eks.place({ endpoint: "https://127.0.0.1:9443" });
    await note("unreachable", () => version());
  } finally {
    await eks.stop();
  }
}
