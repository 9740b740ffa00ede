/**
 * The pipeline of the helloworld platform: every step of its life as a function that runs the same on a laptop, in GitHub
 * Actions and on a host without internet.
 */
import { randomUUID } from "node:crypto";
import {
  argument,
  type Changeset,
  type Directory,
  dag,
  type File,
  func,
  object,
  type Secret,
  type Service,
} from "@dagger.io/dagger";
import { openSampleRegistry } from "./app.js";
import { bump } from "./bump.js";
import { lintChart, renderChart } from "./chart.js";
import { CHECKS, checks } from "./check.js";
import { ci } from "./ci.js";
import { keptCluster, keptKubeconfig } from "./cluster.js";
import { deploy, prepareNamespace, targetOf } from "./deployment.js";
import { endToEnd } from "./endToEnd.js";
import { environment } from "./environments.js";
import type { AppRegistry } from "./registry.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import { toMarkdown } from "./report.js";
import { runSteps } from "./steps.js";
import { parseTag } from "./tag.js";
import { testChart } from "./testChart.js";

const log = (line: string) => console.log(line);

@object()
export class HelloworldInfrastructure {
  private source: Directory;

  /**
   * @param source the repository: chart, Flux objects and workflows
   */
  constructor(
    @argument({
      defaultPath: "/",
      ignore: [".git", "**/node_modules", "**/.terraform", "**/*.tgz"],
    })
    source: Directory,
  ) {
    this.source = source;
  }

  /**
   * All that a commit must pass, together: release files, chart lint, manifests against their schemas, workflows. Reports
   * every failure, not only the first.
   *
   * Returns the report in Markdown. Example: dagger call check
   */
  @func()
  async check(): Promise<string> {
    const { report } = await runSteps({ title: "check", plan: [[...CHECKS]], log }, (run) =>
      run.parallel(checks(this.source)),
    );
    return toMarkdown(report);
  }

  /**
   * Lints the chart strictly, with its default values, with each file of appManifests/ci and with the values of each
   * environment.
   *
   * Example: dagger call lint-chart
   */
  @func()
  async lintChart(): Promise<string> {
    return await lintChart(this.source);
  }

  /**
   * The manifests exactly as Flux would apply them in an environment.
   *
   * Example: dagger call render --env prod contents
   * @param env local, dev or prod
   * @param tag the image's tag, as v0.2.0, instead of the one in the environment's release file
   */
  @func()
  async render(env: string, tag?: string): Promise<File> {
    return await renderChart(this.source, environment(env), tag ? parseTag(tag) : undefined);
  }

  /**
   * Tests the chart on a throwaway Kubernetes node: install the released version, helm test, HTTP on port 8080, upgrade
   * under load, uninstall. Needs no cluster and takes less than a minute: made for a pre-commit hook.
   *
   * Returns the report in Markdown. Example: dagger call test-chart
   * @param tag what to upgrade to, as v0.2.0; default: new pods with the released tag
   */
  @func({ cache: "never" })
  async testChart(tag?: string): Promise<string> {
    return toMarkdown(await testChart(this.source, tag ? parseTag(tag) : undefined, log));
  }

  /**
   * Deploys a tag with Helm and waits until it is out; ends early with the cause when its pods can't come good.
   *
   * Example: dagger call deploy --env dev --tag v0.2.0 --kubeconfig file:$HOME/.kube/config
   * @param env dev or prod
   * @param tag the image's tag, as v0.2.0; default: the one in the environment's release file
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin
   * @param registryUsername who pulls the image (makes ghcr-secret anew)
   * @param registryPassword a token that may read packages
   */
  @func({ cache: "never" })
  async deploy(
    env: string,
    tag?: string,
    kubeconfig?: Secret,
    registryUsername?: string,
    registryPassword?: Secret,
  ): Promise<string> {
    const entry = environment(env);
    const wanted = tag ? parseTag(tag) : await releasedTag(this.source, entry);
    const { report } = await runSteps(
      { title: `deploy ${env} ${wanted}`, plan: [`deploy ${wanted}`], log },
      async (run) => {
        const deployment = {
          source: this.source,
          environment: entry,
          target: await targetOf(kubeconfig, entry),
          tag: wanted,
          log,
        };
        await prepareNamespace(deployment, registryOf(registryUsername, registryPassword));
        await run.step(`deploy ${wanted}`, async (note) => note(`${(await deploy(deployment)).replicas} replicas`));
      },
    );
    return toMarkdown(report);
  }

  /**
   * Checks a running application through a port-forward to port 8080: status, body, time, and that the given version answers.
   *
   * Example: dagger call end-to-end --env dev --kubeconfig file:$HOME/.kube/config
   * @param env dev or prod
   * @param tag the version that must answer; default: the one in the environment's release file
   * @param kubeconfig the cluster's kubeconfig, with a token rather than an exec plugin
   */
  @func({ cache: "never" })
  async endToEnd(env: string, tag?: string, kubeconfig?: Secret): Promise<string> {
    const entry = environment(env);
    const wanted = tag ? parseTag(tag) : await releasedTag(this.source, entry);
    return await endToEnd((await targetOf(kubeconfig, entry)).api, entry, wanted, log);
  }

  /**
   * The whole CI: check, deploy, upgrade under load, end to end, and the change of prod's release file. `local` runs it on a
   * throwaway Kubernetes node with the sample application of test/app, or with the real image when a registry's log-in is
   * given; dev and prod run it on the cluster of a kubeconfig.
   *
   * Returns, in Markdown, the report and the proposed change of prod's release file. Nothing is written: `bump` applies it.
   * Fails with every cause, and leaves prod's file alone, when a step fails.
   *
   * Example: dagger call ci --env local --tag v0.2.0
   * @param env local, dev or prod
   * @param tag the image's tag to test, as v0.2.0
   * @param kubeconfig the cluster's kubeconfig (dev, prod), with a token rather than an exec plugin
   * @param registryUsername who pulls the image
   * @param registryPassword a token that may read packages, as GHCR_PAT
   */
  @func({ cache: "never" })
  async ci(
    env: string,
    tag: string,
    kubeconfig?: Secret,
    registryUsername?: string,
    registryPassword?: Secret,
  ): Promise<string> {
    const { report, changes } = await ci({
      source: this.source,
      environment: environment(env),
      tag: parseTag(tag),
      kubeconfig,
      registry: registryOf(registryUsername, registryPassword),
      log,
    });
    return `${toMarkdown(report)}\n${await proposal(changes, tag)}`;
  }

  /**
   * Sets the image's tag in an environment's release file, and changes nothing else in it: comments, quotes, order and line
   * ends stay. The CLI shows the change and asks before it applies it.
   *
   * Example: dagger call bump --env prod --tag v0.2.0
   * @param env dev or prod
   * @param tag the new tag, as v0.2.0
   */
  @func()
  async bump(env: string, tag: string): Promise<Changeset> {
    return await bump(this.source, environment(env), tag);
  }

  /**
   * A throwaway Kubernetes cluster to keep for a while; it can pull the sample application. Leave it running in one terminal,
   * and get its kubeconfig in another:
   *
   *   dagger call cluster up --ports 6443:6443
   *   dagger call kubeconfig plaintext > kubeconfig
   */
  @func({ cache: "never" })
  async cluster(): Promise<Service> {
    const local = environment("local");
    return await keptCluster(await openSampleRegistry(this.source, await imageRepository(this.source, local)));
  }

  /**
   * The administrator's kubeconfig of the cluster that `cluster` started last; leads to 127.0.0.1:6443.
   *
   * Example: dagger call kubeconfig plaintext > kubeconfig
   */
  @func({ cache: "never" })
  async kubeconfig(): Promise<Secret> {
    return dag.setSecret(`kept-kubeconfig-${randomUUID()}`, await keptKubeconfig());
  }
}

/** The change that a run proposes, for a reader of its report. */
async function proposal(changes: Changeset, tag: string): Promise<string> {
  const patch = await changes.asPatch().contents();
  if (!patch) return `prod has ${tag} already.\n`;
  return `To release it to prod: \`dagger call bump --env prod --tag ${tag}\` shows this change and asks.\n\n\`\`\`diff\n${patch}\`\`\`\n`;
}

/** The registry of public images, with a log-in; none without a password. */
function registryOf(username: string | undefined, password: Secret | undefined): AppRegistry | undefined {
  if (!password) return undefined;
  if (!username)
    throw new Error("--registry-password needs --registry-username: the account that the token belongs to.");
  return { host: "ghcr.io", username, password };
}
