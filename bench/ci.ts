// The main job and its parts. What deploys by Helm is compared with a plain script that does, and what goes through Flux with
// the scripts of gitops.ts.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { call, type Running, repository, start } from "../test/engine/daggerw.js";
import { plainWay } from "./gitops.js";
import { command, measure, median, passed, passes, prune, rows } from "./measure.js";
import { temporaryFolder } from "./temporary.js";

const PORT = 6443;
const CI = ["ci", "--env", "local", "--tag", "v0.2.0"];
/** Reads a file and changes one word of it: what this takes is what any call takes. */
const TRIVIAL = ["bump", "--env", "prod", "--tag", "v0.2.0", "as-patch", "contents"];

/** A cluster that stays, once its node is ready. */
async function boot(kubeconfig: string): Promise<Running> {
  const cluster = start(["--progress=plain", "call", "cluster", "up", "--ports", `${PORT}:${PORT}`]);
  const ended = cluster.outcome.then(({ exitCode, stderr }) => {
    throw new Error(`cluster up has ended with ${exitCode} before its node was ready:\n${stderr.slice(-2000)}`);
  });
  ended.catch(() => undefined); // at the end of the measurement it is to end
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const wait = ["wait", "--for=condition=Ready", "node/node", "--timeout=60s"];
  // The kubeconfig is that of the cluster before until this one has written its own.
  do writeFileSync(kubeconfig, (await Promise.race([call("kubeconfig", "plaintext"), ended])).stdout);
  while (spawnSync(command("kubectl"), wait, { env }).status !== 0);
  return cluster;
}

/** How long the script takes, and what of it are Helm's checks, in seconds. */
function plainScript(kubeconfig: string): { seconds: number; lint: number } {
  const values = temporaryFolder();
  for (const env of ["dev", "prod"]) {
    const release = parse(readFileSync(join(repository, `clusters/${env}/release.yaml`), "utf8"));
    writeFileSync(join(values, `${env}.yaml`), stringify(release.spec.values));
  }
  const env = { ...process.env, HELM: command("helm"), KUBECTL: command("kubectl"), VALUES: values };
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(join(repository, "bench/plain.sh"), {
    env: { ...env, KUBECONFIG: kubeconfig },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`bench/plain.sh failed:\n${stdout}\n${stderr}`);
  const lint = Number(/^Helm's checks took (\d+) ms$/m.exec(stdout)?.[1]) / 1000;
  return { seconds: (Date.now() - started) / 1000, lint };
}

/** `test-chart` against a node's boot and the same steps as a plain script. */
async function benchChart(): Promise<string[]> {
  const boots: number[] = [];
  const testChart = async () => {
    const { stdout, seconds } = await passed(["test-chart"]);
    boots.push(Number(/^\| cluster +\| passed +\| ([\d.]+) s/m.exec(stdout)?.[1]));
    return seconds;
  };
  const chart = await measure("test-chart, warm: install, helm test, upgrade under load, uninstall", testChart, {
    aim: "≤ 20 s",
  });
  rows.push({ what: "node boot to Ready, in these runs", seconds: boots, aim: "≤ 10 s" });

  const kubeconfig = join(temporaryFolder(), "kubeconfig");
  const lints: number[] = [];
  const script = async () => {
    const cluster = await boot(kubeconfig);
    const { seconds, lint } = plainScript(kubeconfig);
    lints.push(lint);
    cluster.signal("SIGINT");
    await cluster.outcome;
    return seconds;
  };
  const plain = await measure("the same steps as a plain script on a node that runs", script);
  rows.push({
    what: "of that, Helm's checks of the chart, which test-chart has from the engine's cache",
    seconds: lints,
  });
  const onNode = median(boots) + plain;
  return [
    `test-chart warm / (node boot + plain script): ${(chart / onNode).toFixed(2)}x (aim ≤ 1.25x)`,
    `the same without Helm's checks: ${(chart / (onNode - median(lints))).toFixed(2)}x`,
  ];
}

/** Measures, and returns the ratios as lines. */
export async function benchCi(): Promise<string[]> {
  await passes(TRIVIAL);
  await measure("module load (a trivial function: bump, not applied)", () => passes(TRIVIAL), { aim: "≤ 3 s" });
  await passes(CI);
  const warm = await measure("ci --env local, warm, with Flagger's analysis", () => passes(CI), { aim: "≤ 90 s" });
  const ratios = await benchChart();
  // Without the part gitops there is nothing alike to compare with.
  if (!Number.isNaN(plainWay))
    ratios.push(
      `ci warm / plain scripts (Flux ready + installed + commit): ${(warm / plainWay).toFixed(2)}x (aim ≤ 1.25x)`,
    );

  const coldCi = async () => {
    await prune();
    return await passes(CI);
  };
  const cold = await measure("ci --env local, cold (engine's cache emptied)", coldCi, { runs: 1 });
  return [...ratios, `ci cold / ci warm: ${(cold / warm).toFixed(1)}x`];
}
