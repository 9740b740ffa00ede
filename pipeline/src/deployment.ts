import { randomUUID } from "node:crypto";
import { type Directory, dag, type Secret, type Service } from "@dagger.io/dagger";
import type { AwsSession } from "./aws.js";
import { waitForCanary } from "./canaryRollout.js";
import { helmContainer, valuesOf } from "./chart.js";
import { formatDiagnosis } from "./diagnosis.js";
import { eksTarget } from "./eks.js";
import { type EnvironmentEntry, folderOf } from "./environments.js";
import { exec, uncached } from "./exec.js";
import { analysisSeconds, askForAnalysis } from "./flagger.js";
import { refuseOthersCluster } from "./flux.js";
import { type Canary, type HelmRelease, helmReleaseOf } from "./fluxObjects.js";
import { type Cluster, connect } from "./kubernetes.js";
import { diagnosePods } from "./podEvidence.js";
import { type AppRegistry, pullLogin } from "./registry.js";
import { isAnalysed } from "./release.js";
import { releaseOf } from "./releaseFile.js";
import { type RolloutResult, waitForRollout } from "./rollout.js";
import type { Log } from "./steps.js";
import { readYaml } from "./yamlFile.js";

/** The most that a rollout may take, in seconds; it ends much earlier when its pods can't come good. */
const ROLLOUT_TIMEOUT_SECONDS = 300;
/** The least that Flagger has for its judgement, in seconds: prod's analysis alone is three minutes. */
const ANALYSIS_TIMEOUT_SECONDS = 900;
/** The most that the chart's own tests, and what an uninstall removes, may take, in seconds. */
const HELM_TIMEOUT_SECONDS = 60;

/** A cluster to act on. */
export interface Target {
  readonly api: Cluster;
  /** The kubeconfig itself. Never log it. */
  readonly kubeconfig: string;
  /** The kubeconfig with new credentials, where those in `kubeconfig` end within minutes. */
  readonly freshKubeconfig?: () => Promise<string>;
  /** The throwaway node, when it is one of this run. */
  readonly service?: Service;
}

/**
 * The cluster that a kubeconfig leads to; without one, the environment's EKS cluster.
 *
 * @param aws opens the AWS session in which the cluster is looked up, where there are credentials for one
 * @throws Error when there is neither, or when the kubeconfig leads to another environment's cluster; ClusterError
 */
export async function targetOf(
  kubeconfig: Secret | undefined,
  environment: EnvironmentEntry,
  aws?: () => Promise<AwsSession>,
): Promise<Target> {
  if (!kubeconfig && aws) return await eksTarget(await aws(), environment);
  if (!kubeconfig) {
    throw new Error(
      `${environment.name} needs a kubeconfig or AWS credentials: --kubeconfig file:$HOME/.kube/config, or env:NAME; ` +
        `or before the function's name --aws-credentials …, with which the cluster ${environment.cluster} is looked up in EKS. ` +
        "Without them there is `ci --env local` and `test-chart`, which start a cluster of their own.",
    );
  }
  const text = await kubeconfig.plaintext();
  const api = await connect(text);
  await refuseOthersCluster(api, environment);
  return { kubeconfig: text, api };
}

/** What is deployed where. */
export interface Deployment {
  readonly source: Directory;
  readonly environment: EnvironmentEntry;
  readonly target: Target;
  /** Instead of the tag in the environment's release file. */
  readonly tag?: string;
  /** More values, over those of the release file. */
  readonly values?: Record<string, unknown>;
  /** The most that each wait for it may take, in seconds; each has its own when not given. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

/**
 * Refuses an environment that Flux brings out from git: it would undo what Helm does, and git would say something else meanwhile.
 *
 * @throws Error with the calls that do it there
 */
export async function refuseFlux(api: Cluster, environment: EnvironmentEntry): Promise<void> {
  const { name, namespace, helmRelease } = environment;
  const found = (await api.findObject(helmReleaseOf(environment))) as HelmRelease | undefined;
  if (!found || found.spec?.suspend) return;
  const call =
    name === "prod" ? "`promote`, or `rollback --env prod`" : `\`ci --env ${name}\`, or \`rollback --env ${name}\``;
  throw new Error(
    `Flux brings ${helmRelease} out in ${name} from git (HelmRelease ${namespace}/${helmRelease}), and would undo what Helm does. Nothing was changed. ` +
      `Next: ${call}; or, to deploy by hand all the same, first: flux -n ${namespace} suspend helmrelease ${helmRelease}`,
  );
}

/** Makes the application's namespace, with the labels that Flux would give it, and the secret to pull its image with. */
export async function prepareNamespace(
  { source, environment, target }: Omit<Deployment, "log">,
  registry: AppRegistry | undefined,
): Promise<void> {
  const file = `${folderOf(environment)}/namespace.yaml`;
  const namespace = (await readYaml(source, file, "Namespace")) as { metadata?: { labels?: Record<string, string> } };
  await target.api.ensureNamespace(environment.namespace, namespace.metadata?.labels ?? {});
  const login = registry && (await pullLogin(registry));
  if (login) await target.api.applyPullSecret(environment.namespace, login);
}

/**
 * Installs or upgrades the application with the environment's values, and waits until the new version is out; where there
 * is Flagger, until it has been judged.
 *
 * @throws Error with Helm's words, or RolloutFailure with why the pods can't come good or what Flagger found
 */
export async function deploy(deployment: Deployment): Promise<RolloutResult> {
  const { source, environment, target, timeoutSeconds, log } = deployment;
  const missing = await missingKinds(deployment);
  const values = {
    ...deployment.values,
    ...Object.fromEntries(missing.map(({ value }) => [value, { enabled: false }])),
  };
  const released = Date.now();
  const command = ["upgrade", "--install", environment.helmRelease, "/chart", "--values", "/values.yaml"];
  await helm({ ...deployment, values }, command);
  const { namespace, helmRelease } = environment;
  const rollout = { namespace, timeoutSeconds: timeoutSeconds ?? ROLLOUT_TIMEOUT_SECONDS, log };
  const release = await releaseOf(source, environment);
  const given = { ...release.values, ...values };
  if (!isAnalysed(given)) return await waitForRollout(target.api, { ...rollout, deployment: helmRelease });
  const tag = deployment.tag ?? release.tag;
  const ask = (canary: Canary) => askForAnalysis(target.api, canary, log);
  const canary = { namespace, name: helmRelease, tag, released, askForAnalysis: ask, log };
  const patience = Math.max(ANALYSIS_TIMEOUT_SECONDS, analysisSeconds(given));
  await waitForCanary(target.api, { ...canary, timeoutSeconds: timeoutSeconds ?? patience });
  return await waitForRollout(target.api, { ...rollout, deployment: `${helmRelease}-primary` });
}

/** Parts of the chart whose kinds come with another project. */
const FOREIGN = [
  { value: "canary", apiVersion: "flagger.app/v1beta1", kind: "Canary" },
  { value: "serviceMonitor", apiVersion: "monitoring.coreos.com/v1", kind: "ServiceMonitor" },
];

/** What the cluster has no kinds for, and is left out: with one of them missing, nothing of a release would be installed. */
async function missingKinds({ target, environment, log }: Deployment): Promise<typeof FOREIGN> {
  const known = await Promise.all(FOREIGN.map(({ apiVersion, kind }) => target.api.knowsKind(apiVersion, kind)));
  const missing = FOREIGN.filter((_, index) => !known[index]);
  if (missing.length > 0)
    log(`${environment.name} has no ${missing.map(({ kind }) => kind).join(" and no ")}: deployed without`);
  return missing;
}

/** Runs the chart's own test pods. */
export async function runHelmTests(deployment: Deployment): Promise<void> {
  const { environment, target } = deployment;
  try {
    await helm(deployment, ["test", environment.helmRelease, ...helmTimeout(deployment)]);
  } catch (error) {
    const selector = "app.kubernetes.io/name=helloworld-test";
    const found = await diagnosePods(target.api, { namespace: environment.namespace, selector });
    if (!found) throw error;
    throw new Error(`${error instanceof Error ? error.message : error}\n${formatDiagnosis(found)}`, { cause: error });
  }
}

/** Removes the application. */
export async function uninstall(deployment: Deployment): Promise<void> {
  await helm(deployment, ["uninstall", deployment.environment.helmRelease, "--wait", ...helmTimeout(deployment)]);
}

const helmTimeout = ({ timeoutSeconds = HELM_TIMEOUT_SECONDS }: Deployment) => ["--timeout", `${timeoutSeconds}s`];

async function helm({ source, environment, target, tag, values }: Deployment, args: string[]): Promise<string> {
  const kubeconfig = (await target.freshKubeconfig?.()) ?? target.kubeconfig;
  let container = helmContainer(source)
    .withEnvVariable("KUBECONFIG", "/kubeconfig")
    .withNewFile("/values.yaml", await valuesOf(source, environment, tag, values))
    .withMountedSecret("/kubeconfig", dag.setSecret(`kubeconfig-${randomUUID()}`, kubeconfig));
  if (target.service) container = container.withServiceBinding("node", target.service);
  const { code, stdout, stderr } = await exec(uncached(container), [
    "helm",
    ...args,
    "--namespace",
    environment.namespace,
  ]);
  if (code === 0) return stdout;
  const said = [stderr, stdout].filter(Boolean).join("\n").trim();
  const advice = said.includes("another operation (install/upgrade/rollback) is in progress")
    ? `\n${brokenOff(environment)}`
    : "";
  throw new Error(`helm ${args[0]} ${environment.helmRelease} failed in ${environment.name}:\n${said}${advice}`);
}

/** Helm notes what it has begun, and refuses all else until that has ended: one that was killed never does. */
const brokenOff = ({ namespace, helmRelease }: EnvironmentEntry) =>
  `Either another call deploys at this moment: wait for it. Or one was cancelled in the middle: ` +
  `helm -n ${namespace} history ${helmRelease}, then helm -n ${namespace} rollback ${helmRelease} (helm uninstall where its first ` +
  "installation is pending), and repeat the call.";
