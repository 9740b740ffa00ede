// The main job and its parts, against a plain script with the same binaries on the same node.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { call, type Running, repository, start } from "../test/engine/daggerw.js";
import { command, measure, median, passes, prune, RUNS, rows, shown } from "./measure.js";
import { temporaryFolder } from "./temporary.js";

const PORT = 6443;
const CI = ["ci", "--env", "local", "--tag", "v0.2.0"];

/** A cluster that stays, and the seconds from the call until its node is ready. */
async function boot(kubeconfig: string): Promise<{ cluster: Running; seconds: number }> {
  const started = Date.now();
  const cluster = start(["--progress=plain", "call", "cluster", "up", "--ports", `${PORT}:${PORT}`]);
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const wait = ["wait", "--for=condition=Ready", "node/node", "--timeout=60s"];
  // The kubeconfig is that of the cluster before until this one has written its own.
  do writeFileSync(kubeconfig, (await call("kubeconfig", "plaintext")).stdout);
  while (spawnSync(command("kubectl"), wait, { env }).status !== 0);
  return { cluster, seconds: (Date.now() - started) / 1000 };
}

function plainScript(kubeconfig: string): number {
  const values = temporaryFolder();
  for (const env of ["dev", "prod"]) {
    const release = parse(readFileSync(join(repository, `clusters/${env}/release.yaml`), "utf8"));
    writeFileSync(join(values, `${env}.yaml`), stringify(release.spec.values));
  }
  const commands = { HELM: "helm", KUBECTL: "kubectl", KUBECONFORM: "kubeconform", ACTIONLINT: "actionlint" };
  const env = Object.fromEntries(Object.entries(commands).map(([key, name]) => [key, command(name)]));
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(join(repository, "bench/plain.sh"), {
    env: { ...process.env, ...env, VALUES: values, KUBECONFIG: kubeconfig },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`bench/plain.sh failed:\n${stdout}\n${stderr}`);
  return (Date.now() - started) / 1000;
}

/** Measures, and returns the ratios as lines. */
export async function benchCi(): Promise<string[]> {
  await passes(["bump", "--env", "prod", "--tag", "v0.2.0", "as-patch", "contents"]);
  await measure("module load (a trivial function)", () => passes(["kubeconfig", "--help"]), { aim: "≤ 3 s" });
  await passes(CI);
  const warm = await measure("ci --env local, warm", () => passes(CI), { aim: "≤ 45 s" });
  await measure("test-chart, warm", () => passes(["test-chart"]), { aim: "≤ 20 s" });

  const kubeconfig = join(temporaryFolder(), "kubeconfig");
  const boots: number[] = [];
  const plain: number[] = [];
  for (let run = 1; run <= RUNS; run++) {
    const { cluster, seconds } = await boot(kubeconfig);
    boots.push(seconds);
    plain.push(plainScript(kubeconfig));
    cluster.signal("SIGINT");
    await cluster.outcome;
    console.error(`node boot and plain script, run ${run}: ${shown(seconds)}, ${shown(plain.at(-1) ?? 0)}`);
  }
  rows.push({ what: "node boot (call to node Ready, kubeconfig read)", seconds: boots });
  rows.push({ what: "the same steps as a plain script on that node", seconds: plain });

  const coldCi = async () => {
    await prune();
    return await passes(CI);
  };
  const cold = await measure("ci --env local, cold (engine's cache emptied)", coldCi, { runs: 1 });
  const overhead = warm / (median(boots) + median(plain));
  return [
    `ci warm / (node boot + plain script): ${overhead.toFixed(2)}x (aim ≤ 1.25x)`,
    `ci cold / ci warm: ${(cold / warm).toFixed(1)}x`,
  ];
}
