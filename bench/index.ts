// npm run bench: how long the pipeline takes, and what of it is its own cost. All figures come from one run, so that their
// ratios hold when the machine's speed drifts; compare ratios, not seconds, between machines.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { cacheRoot } from "../embedded/src/cache.js";
import { call, daggerw, type Running, repository, start } from "../test/engine/daggerw.js";

const RUNS = Number(process.env.BENCH_RUNS ?? 3);
const PORT = 6443;

interface Row {
  what: string;
  seconds: number[];
  aim?: string;
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const shown = (value: number) => `${value.toFixed(1)} s`;
const rows: Row[] = [];

/** Times some work `RUNS` times and adds a row. */
async function measure(what: string, work: () => Promise<number>, options: { aim?: string; runs?: number } = {}) {
  const seconds: number[] = [];
  for (let run = 1; run <= (options.runs ?? RUNS); run++) {
    seconds.push(await work());
    console.error(`${what}, run ${run}: ${shown(seconds.at(-1) ?? 0)}`);
  }
  rows.push({ what, seconds, aim: options.aim });
  return median(seconds);
}

/** Seconds that a call takes; it must pass. */
async function passes(...args: string[]): Promise<number> {
  const { exitCode, stderr, seconds } = await call(...args);
  if (exitCode !== 0) throw new Error(`${args.join(" ")} failed:\n${stderr}`);
  return seconds;
}

/** Empties the engine's cache: what follows has the images at hand and nothing else. */
async function prune() {
  const { exitCode, stderr } = await daggerw(["-s", "core", "engine", "local-cache", "prune"]);
  if (exitCode !== 0) throw new Error(stderr);
}

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

/** The pipeline's own binaries where they were built on this machine, else those on the PATH. */
function command(name: string): string {
  const built = join(cacheRoot(), "built");
  const folders = existsSync(built) ? readdirSync(built).filter((entry) => /^go-(kubernetes|tools)-/.test(entry)) : [];
  return folders.map((folder) => join(built, folder, name)).find(existsSync) ?? name;
}

function plainScript(kubeconfig: string): number {
  const values = mkdtempSync(join(tmpdir(), "values-"));
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

const ciArgs = ["ci", "--env", "local", "--tag", "v0.2.0"];
await daggerw(["engine", "start"]);
await passes("bump", "--env", "prod", "--tag", "v0.2.0", "as-patch", "contents");
await measure("module load (a trivial function)", () => passes("kubeconfig", "--help"), { aim: "≤ 3 s" });
await passes(...ciArgs);
const warm = await measure("ci --env local, warm", () => passes(...ciArgs), { aim: "≤ 45 s" });
await measure("test-chart, warm", () => passes("test-chart"), { aim: "≤ 20 s" });

const kubeconfig = join(mkdtempSync(join(tmpdir(), "bench-")), "kubeconfig");
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
const cold = await measure("ci --env local, cold (engine's cache emptied)", coldCi, { runs: 1 });

async function coldCi() {
  await prune();
  return await passes(...ciArgs);
}

const line = ({ what, seconds, aim }: Row) =>
  `| ${what} | ${shown(median(seconds))} | ${shown(Math.min(...seconds))} – ${shown(Math.max(...seconds))} | ${aim ?? ""} |`;
console.log(["| what | median | range | aim |", "| --- | --- | --- | --- |", ...rows.map(line)].join("\n"));
const overhead = warm / (median(boots) + median(plain));
console.log(`\nci warm / (node boot + plain script): ${overhead.toFixed(2)}x (aim ≤ 1.25x)`);
console.log(`ci cold / ci warm: ${(cold / warm).toFixed(1)}x`);
