/**
 * Scenarios that the public functions can't be brought into from outside: a module of its own, made for the tests from
 * pipeline/ with this file in place of index.ts.
 */
import { type Directory, dag, func, object } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { ci } from "./ci.js";
import { startCluster } from "./cluster.js";
import { deploy, prepareNamespace } from "./deployment.js";
import { environment } from "./environments.js";
import { type AppRegistry, listTags, requireTag } from "./registry.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import { toMarkdown } from "./report.js";

const log = (line: string) => console.log(line);
const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

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
   * A node that may not pull: without ghcr-secret, and with one whose password is wrong. Returns what the rollouts end with.
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
    return JSON.stringify({
      "no secret": await attempt(undefined, "v0.1.0"),
      "wrong password": await attempt(wrong, "v0.2.0"),
      "no such tag": await attempt(registry, "v7.0.0"),
      good: await attempt(registry, "v0.1.0"),
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
}
