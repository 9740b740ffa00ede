import { randomUUID } from "node:crypto";
import { type Directory, dag, type Secret, type Service } from "@dagger.io/dagger";
import { parse } from "yaml";
import { helmContainer, valuesOf } from "./chart.js";
import { formatDiagnosis } from "./diagnosis.js";
import { type EnvironmentEntry, folderOf } from "./environments.js";
import { exec } from "./exec.js";
import { type Cluster, connect } from "./kubernetes.js";
import { type AppRegistry, pullLogin } from "./registry.js";
import { diagnosePods, type RolloutResult, waitForRollout } from "./rollout.js";
import type { Log } from "./steps.js";

/** The most that a rollout may take, in seconds; it ends much earlier when its pods can't come good. */
const ROLLOUT_TIMEOUT_SECONDS = 300;

/** A cluster to act on. */
export interface Target {
  readonly api: Cluster;
  /** The kubeconfig itself. Never log it. */
  readonly kubeconfig: string;
  /** The throwaway node, when it is one of this run. */
  readonly service?: Service;
}

/** The cluster that a kubeconfig leads to. */
export async function targetOf(kubeconfig: Secret | undefined, environment: EnvironmentEntry): Promise<Target> {
  if (!kubeconfig) {
    throw new Error(
      `${environment.name} needs a kubeconfig: --kubeconfig file:$HOME/.kube/config, or env:NAME. ` +
        "Without one there is `ci --env local` and `test-chart`, which start a cluster of their own.",
    );
  }
  const text = await kubeconfig.plaintext();
  return { kubeconfig: text, api: await connect(text) };
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
  readonly log: Log;
}

/** Makes the application's namespace, with the labels that Flux would give it, and the secret to pull its image with. */
export async function prepareNamespace(
  { source, environment, target }: Omit<Deployment, "log">,
  registry: AppRegistry | undefined,
): Promise<void> {
  const file = `${folderOf(environment)}/namespace.yaml`;
  const namespace = parse(await source.file(file).contents()) as { metadata?: { labels?: Record<string, string> } };
  await target.api.ensureNamespace(environment.namespace, namespace.metadata?.labels ?? {});
  const login = registry && (await pullLogin(registry));
  if (login) await target.api.applyPullSecret(environment.namespace, login);
}

/**
 * Installs or upgrades the application with the environment's values, and waits until the new version is out.
 *
 * @throws Error with Helm's words, or RolloutFailure with why the pods can't come good
 */
export async function deploy(deployment: Deployment): Promise<RolloutResult> {
  const { environment, target, log } = deployment;
  await helm(deployment, ["upgrade", "--install", environment.helmRelease, "/chart", "--values", "/values.yaml"]);
  return await waitForRollout(target.api, {
    namespace: environment.namespace,
    deployment: environment.helmRelease,
    timeoutSeconds: ROLLOUT_TIMEOUT_SECONDS,
    log,
  });
}

/** Runs the chart's own test pods. */
export async function runHelmTests(deployment: Deployment): Promise<void> {
  const { environment, target } = deployment;
  try {
    await helm(deployment, ["test", environment.helmRelease, "--timeout", "60s"]);
  } catch (error) {
    const selector = "app.kubernetes.io/name=helloworld-test";
    const found = await diagnosePods(target.api, { namespace: environment.namespace, selector });
    if (!found) throw error;
    throw new Error(`${error instanceof Error ? error.message : error}\n${formatDiagnosis(found)}`, { cause: error });
  }
}

/** Removes the application. */
export async function uninstall(deployment: Deployment): Promise<void> {
  await helm(deployment, ["uninstall", deployment.environment.helmRelease, "--wait", "--timeout", "60s"]);
}

async function helm({ source, environment, target, tag, values }: Deployment, args: string[]): Promise<string> {
  let container = helmContainer(source)
    .withNewFile("/values.yaml", await valuesOf(source, environment, tag, values))
    .withMountedSecret("/kubeconfig", dag.setSecret(`kubeconfig-${randomUUID()}`, target.kubeconfig))
    .withEnvVariable("KUBECONFIG", "/kubeconfig")
    .withEnvVariable("NOW", new Date().toISOString()); // the cluster is no part of the cache's key
  if (target.service) container = container.withServiceBinding("node", target.service);
  const { code, stdout, stderr } = await exec(container, ["helm", ...args, "--namespace", environment.namespace]);
  if (code === 0) return stdout;
  throw new Error(
    `helm ${args[0]} ${environment.helmRelease} failed in ${environment.name}:\n${[stderr, stdout].filter(Boolean).join("\n").trim()}`,
  );
}
