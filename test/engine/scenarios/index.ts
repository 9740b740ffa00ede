/**
 * Scenarios that the public functions can't be brought into from outside: a module of its own, made for the tests from
 * pipeline/ with this file in place of index.ts.
 */
import { type Container, type Directory, dag, func, object } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { analysed, answersOf, commit, openPlatform, startClient, wantedAgain } from "./canary.js";
import { textOf } from "./cases.js";
import { ci } from "./ci.js";
import { startCluster } from "./cluster.js";
import { addonCases } from "./clusterAddons.js";
import { commitCases, mergeCases } from "./commitCases.js";
import { deploy, prepareNamespace } from "./deployment.js";
import { eksCases, type Results } from "./eksScenario.js";
import { engineCases } from "./engineInCluster.js";
import { environment } from "./environments.js";
import { execQuietly } from "./exec.js";
import { faultCases } from "./faults.js";
import { gatewayCases } from "./gateway.js";
import { gitopsCases } from "./gitops.js";
import { gitopsBench } from "./gitopsBench.js";
import { images } from "./images.js";
import { inClusterCases } from "./inCluster.js";
import { infraCases } from "./infra.js";
import { planBench } from "./planBench.js";
import { type AppRegistry, listTags, requireTag } from "./registry.js";
import { releaseChainCases } from "./releaseChainCases.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import { toMarkdown } from "./report.js";
import { restartCases } from "./restart.js";
import { failAsDrifted } from "./terraformDrift.js";
import { watchCases } from "./watchScenario.js";
import { wholeWay } from "./wholeWay.js";

const log = (line: string) => console.log(line);

@object()
export class HelloworldInfrastructure {
  /**
   * What a real registry's answers become: one line for each case.
   */
  @func({ cache: "never" })
  async registry(source: Directory): Promise<string> {
    const repository = await imageRepository(source, environment("local"));
    const registry = await sampleRegistry(source, repository);
    const wrong: AppRegistry = { ...registry, password: dag.setSecret("wrong", "wrong-password-1234") };
    const cases: Record<string, () => Promise<unknown>> = {
      good: () => requireTag(registry, repository, "v0.2.0"),
      tags: () => listTags(registry, repository),
      "no such tag": () => requireTag(registry, repository, "v7.0.0"),
      "no such repository": () => requireTag(registry, "ghcr.io/damekarv/other", "v0.2.0"),
      "wrong password": () => requireTag(wrong, repository, "v0.2.0"),
      "no password": () => requireTag({ host: registry.host, service: registry.service }, repository, "v0.2.0"),
      "no registry": () => requireTag({ host: "nowhere.invalid" }, "nowhere.invalid/app", "v0.2.0"),
    };
    const results = Object.entries(cases).map(async ([name, run]) => [name, await run().then(String, textOf)] as const);
    return JSON.stringify(Object.fromEntries(await Promise.all(results)));
  }

  /**
   * Nodes that can't serve: one whose API server ends at its start, and one that may not pull, without ghcr-secret and with one
   * whose password is wrong. Returns what the rollouts end with.
   */
  @func({ cache: "never" })
  async pullRefused(source: Directory): Promise<string> {
    const local = environment("local");
    const registry = await sampleRegistry(source, await imageRepository(source, local));
    const cluster = await startCluster({ registry, log });
    const deployment = { source, environment: local, target: cluster, log };
    const attempt = async (login: AppRegistry | undefined, tag: string) => {
      await prepareNamespace(deployment, login);
      return await deploy({ ...deployment, tag }).then(() => "deployed", textOf);
    };
    const wrong = { ...registry, password: dag.setSecret("wrong", "wrong-password-1234") };
    const extend = (node: Container) => node.withEnvVariable("TOKEN_WEBHOOK", "/nowhere.yaml");
    const endedNode = startCluster({ extend, log }).then(() => "started", textOf);
    return JSON.stringify({
      "no secret": await attempt(undefined, "v0.1.0"),
      "wrong password": await attempt(wrong, "v0.2.0"),
      "no such tag": await attempt(registry, "v7.0.0"),
      good: await attempt(registry, "v0.1.0"),
      "ended node": await endedNode,
    });
  }

  /**
   * `ci --env dev` on a cluster that is only known by its kubeconfig: first where nothing runs yet, then as an upgrade.
   */
  @func({ cache: "never" })
  async dev(source: Directory): Promise<string> {
    const dev = environment("dev");
    const registry = await sampleRegistry(source, await imageRepository(source, dev));
    const cluster = await startCluster({ registry, log });
    const kubeconfig = dag.setSecret("dev-kubeconfig", cluster.kubeconfig);
    const run = async (tag: string) =>
      toMarkdown((await ci({ source, environment: dev, tag, kubeconfig, registry, log })).report);
    return [await run(await releasedTag(source, dev)), await run("v0.2.0")].join("\n");
  }

  /**
   * `ci --env dev` with versions that don't pass, one after the other. Returns what it says of each.
   */
  @func({ cache: "never" })
  async faults(source: Directory, tags: string[]): Promise<string> {
    return JSON.stringify(await faultCases(source, tags));
  }

  /**
   * Flagger's judgement of a first version, a good one and every faulty one, with a client at 20 requests a second. Returns
   * how each analysis ended, and what the client was answered; and what serves after the first version, taken back in the middle
   * of an analysis, was wanted again.
   *
   * @param tags the versions to release after the first; a good one comes first
   */
  @func({ cache: "never" })
  async canary(source: Directory, tags: string[]): Promise<string> {
    const started = Date.now();
    const platform = await openPlatform(source, log);
    try {
      const results: Record<string, unknown> = {};
      results["flux ready"] = `${(Date.now() - started) / 1000} s`;
      results["v0.1.0"] = await analysed(platform, ["Initialized"], async () => undefined);
      await startClient(platform.api);
      for (const tag of tags) {
        results[tag] = await analysed(platform, ["Succeeded", "Failed"], () => commit(platform, tag, log));
        log(`${tag}: ${JSON.stringify(results[tag], undefined, 2)}`);
      }
      const again = await wantedAgain(platform, "v0.1.0", tags[0] ?? "", log);
      return JSON.stringify({ results, again, answers: await answersOf(platform.api) });
    } finally {
      await platform.stop();
    }
  }

  /**
   * Commits to release files, as `ci`, `bump` and `rollback` make them. Returns what each case gave or threw.
   */
  @func({ cache: "never" })
  async commits(source: Directory): Promise<string> {
    return JSON.stringify(await commitCases(source));
  }

  /** What becomes of promotions and rollbacks on prod's branch. */
  @func({ cache: "never" })
  async merges(source: Directory): Promise<string> {
    return JSON.stringify(await mergeCases(source));
  }

  /**
   * A version's way from the registry to prod, and that of a faulty one. Returns what each case gave or threw.
   */
  @func({ cache: "never" })
  async wholeWay(source: Directory): Promise<string> {
    return JSON.stringify(await wholeWay(source));
  }

  /**
   * A command whose output may hold secrets, made of two words so that its arguments don't hold it. Returns its length.
   */
  @func({ cache: "never" })
  async quiet(): Promise<string> {
    const container = dag.container().from(images.busybox);
    return `${(await execQuietly(container, ["printf", "%s%s", "hun", "ter2"])).stdout.length} characters`;
  }

  /**
   * How `drift` ends when there is some.
   */
  @func({ cache: "never" })
  async drifted(): Promise<string> {
    return await failAsDrifted("1 resource has drifted");
  }

  /**
   * A cluster that is found in EKS by AWS credentials alone: tokens, refusals, and the pull secret. Returns what each case gave
   * or threw.
   */
  @func({ cache: "never" })
  async eks(source: Directory): Promise<string> {
    const registry = await sampleRegistry(source, await imageRepository(source, environment("dev")));
    const results: Results = {};
    await eksCases(source, registry, async (name, work) => {
      results[name] = await work().then(String, textOf);
      log(`${name}: ${results[name]?.split("\n")[0]}`);
    });
    return JSON.stringify(results);
  }

  /**
   * A registry as GHCR is, watched for a new tag. Returns what each case gave or threw.
   */
  @func({ cache: "never" })
  async watch(source: Directory): Promise<string> {
    const results: Results = {};
    await watchCases(source, async (name, work) => {
      results[name] = await work().then(String, textOf);
    });
    return JSON.stringify(results);
  }

  /**
   * Flux on a node: releases, races, faults. Returns what each case gave or threw.
   *
   * @param parts which of them: commits, disturbances
   */
  @func({ cache: "never" })
  async gitops(source: Directory, parts: string[] = ["commits", "disturbances"]): Promise<string> {
    return JSON.stringify(await gitopsCases(source, parts));
  }

  /**
   * Releases through Flux that can't come good, each at another link of the chain. Returns what each case ends with.
   */
  @func({ cache: "never" })
  async releaseChain(source: Directory): Promise<string> {
    return JSON.stringify(await releaseChainCases(source));
  }

  /**
   * A drain and a load on the application's pods. Returns what became of each.
   */
  @func({ cache: "never" })
  async inCluster(source: Directory): Promise<string> {
    return JSON.stringify(await inClusterCases(source));
  }

  /**
   * Dagger's engine as a Pod, and calls to it. Returns what each case gave or threw.
   *
   * @param chart Dagger's Helm chart
   */
  @func({ cache: "never" })
  async engine(source: Directory, chart: Directory): Promise<string> {
    return JSON.stringify(await engineCases({ source, chart }));
  }

  /**
   * A platform whose node is killed and started again with its state. Returns what each case gave or threw.
   */
  @func({ cache: "never" })
  async restart(source: Directory): Promise<string> {
    return JSON.stringify(await restartCases(source));
  }

  /**
   * Network policies that are enforced, and a pull secret from a secret store. Returns what each case gave or threw.
   */
  @func({ cache: "never" })
  async clusterAddons(source: Directory): Promise<string> {
    return JSON.stringify(await addonCases(source));
  }

  /**
   * A good and a faulty version that a gateway brings to users step by step. Returns how each analysis ended, and what users were
   * answered at each step.
   */
  @func({ cache: "never" })
  async gateway(source: Directory): Promise<string> {
    return JSON.stringify(await gatewayCases(source));
  }

  /**
   * Seconds of a plan that has nothing to do, through the pipeline and as a plain script.
   */
  @func({ cache: "never" })
  async planBench(source: Directory, rounds: number): Promise<string> {
    return JSON.stringify(await planBench(source, rounds, log));
  }

  /**
   * Seconds until Flux is ready and until a commit is out, through the pipeline and by plain scripts.
   */
  @func({ cache: "never" })
  async gitopsBench(source: Directory, rounds: number): Promise<string> {
    return JSON.stringify(await gitopsBench(source, rounds, log));
  }

  /**
   * Terraform's functions on simulated accounts, with all that can go wrong. Returns what each case gave or threw.
   */
  @func({ cache: "never" })
  async infra(source: Directory): Promise<string> {
    const results: Record<string, string> = {};
    const note = async (name: string, work: () => Promise<unknown>) => {
      results[name] = await work().then(String, textOf);
      log(`${name}: ${results[name]?.split("\n")[0]}`);
    };
    await infraCases(source, note, () => {});
    return JSON.stringify(results);
  }
}
