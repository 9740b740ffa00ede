import type { Directory } from "@dagger.io/dagger";
import { sampleRegistry } from "./app.js";
import { lintChart } from "./chart.js";
import { onCluster, startCluster } from "./cluster.js";
import { deploy, prepareNamespace, runHelmTests, uninstall } from "./deployment.js";
import { endToEnd, underLoad } from "./endToEnd.js";
import { environment } from "./environments.js";
import { warmUp } from "./kubernetes.js";
import { requireTag } from "./registry.js";
import { imageRepository, releasedTag } from "./releaseFile.js";
import type { Report } from "./report.js";
import { type Log, runSteps } from "./steps.js";

/** What `test-chart` runs with. */
export interface TestChartOptions {
  /** What to upgrade to; new pods with the released tag when not given. */
  readonly tag?: string;
  /** The most that each wait on the cluster may take, in seconds; each has its own when not given. */
  readonly timeoutSeconds?: number;
  readonly log: Log;
}

/** The chart on a throwaway cluster: install, helm test, HTTP, upgrade, uninstall. */
export async function testChart(source: Directory, { tag, timeoutSeconds, log }: TestChartOptions): Promise<Report> {
  warmUp();
  const local = environment("local");
  const released = await releasedTag(source, local);
  const repository = await imageRepository(source, local);
  const candidate = tag ?? released;
  const plan = [["lint chart", "cluster", "image"], "install", ["helm test", "end to end"], "upgrade", "uninstall"];
  const { report } = await runSteps({ title: "Chart tests", plan, log }, async (run) => {
    const registry = await sampleRegistry(source, repository, [released]);
    const [, cluster] = await run.parallel([
      { name: "lint chart", run: async (note) => note(await lintChart(source)) },
      { name: "cluster", run: () => startCluster({ registry, timeoutSeconds, log }) },
      { name: "image", run: () => requireTag(registry, repository, candidate) },
    ]);
    try {
      await onCluster(run, cluster, async () => {
        const deployment = { source, environment: local, target: cluster, tag: released, timeoutSeconds, log };
        await run.step("install", async (note) => {
          await prepareNamespace(deployment, registry);
          await deploy(deployment);
          note(released);
        });
        await run.parallel([
          { name: "helm test", run: () => runHelmTests(deployment) },
          { name: "end to end", run: async (note) => note(await endToEnd(cluster.api, local, released, log)) },
        ]);
        await run.step("upgrade", async (note) => {
          // The annotation makes new pods even when the tag is the same.
          const upgraded = {
            ...deployment,
            tag: candidate,
            values: { podAnnotations: { "helloworld/upgrade": "tested" } },
          };
          const { summary } = await underLoad(cluster.api, local, log, () => deploy(upgraded));
          await endToEnd(cluster.api, local, candidate, log);
          note(`${released} → ${candidate}; ${summary}`);
        });
        await run.step("uninstall", () => uninstall(deployment));
      });
    } finally {
      await cluster.stop();
    }
  });
  return report;
}
