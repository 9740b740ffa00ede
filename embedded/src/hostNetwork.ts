// What an engine changes in the host's network, which it shares: a bridge, the CNI plugins' rules, and forwarding. All of it is
// taken back when the engine has ended, however it ended.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./cache.js";
import { $, systemPath } from "./shell.js";
import { say } from "./steps.js";

const BRIDGE = "dagger0";
/** The bridge's network, as in the engine's own configuration. */
const SUBNET = "10.87.";

/** The bridge's address: where containers in the engine reach this host. */
export const bridgeAddress = `${SUBNET}0.1`;

const FORWARDING = "/proc/sys/net/ipv4/ip_forward";
const note = () => join(cache.run, "ip-forward");

/** Changes with every start of the machine: what was noted before says nothing then. */
const boot = () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** Notes what the host forwards before the engine's bridge makes it forward. */
export function noteForwarding(): void {
  const now = readFileSync(FORWARDING, "utf8").trim();
  if (now === "0") writeFileSync(note(), boot());
}

/** Bridges of containers and machines, a cluster's overlays, and tunnels: what is behind them needs forwarding. */
const FORWARDS =
  /^(docker|br-|cni|podman|nerdctl|virbr|lxdbr|incusbr|lxcbr|vmbr|flannel|cali|cilium|wg|tailscale|zt|tun|tap)/;

const isBridge = (name: string) => existsSync(`/sys/class/net/${name}/bridge`);

/** The interfaces for which forwarding has to stay: of these names, and every bridge but the engine's. */
export const othersInterfaces = (interfaces: string[], bridge = isBridge): string[] =>
  interfaces.filter((name) => name !== BRIDGE && (FORWARDS.test(name) || bridge(name)));

/**
 * Takes it all back.
 *
 * @param root the engine's root, which has the commands of iptables
 */
export async function restoreNetwork(root: string): Promise<void> {
  await $({ quiet: true, nothrow: true, env: hostEnvironment() })`chroot ${root} /usr/bin/ip link delete ${BRIDGE}`;
  for (const variant of ["nft", "legacy"] as const) await removeRules(root, variant);
  if (!existsSync(note())) return;
  if (readFileSync(note(), "utf8") === boot()) stopForwarding();
  rmSync(note(), { force: true });
}

const hostEnvironment = () => ({ ...process.env, PATH: systemPath() });

/** Unless somebody has begun to rely on it: Docker finds it on when it starts, and leaves it. */
function stopForwarding() {
  const others = othersInterfaces(readdirSync("/sys/class/net"));
  if (others.length === 0) writeFileSync(FORWARDING, "0");
  else
    say(
      `This host goes on forwarding (net.ipv4.ip_forward), which it did not before: ${others.join(", ")} may need it.`,
    );
}

async function removeRules(root: string, variant: "nft" | "legacy"): Promise<void> {
  // To list the old tables would make them.
  if (variant === "legacy" && !existsSync("/proc/net/ip_tables_names")) return;
  const command = ["chroot", root, `/usr/sbin/xtables-${variant}-multi`];
  const quiet = { quiet: true, nothrow: true, env: hostEnvironment() };
  const { stdout, exitCode } = await $(quiet)`${command} iptables-save`;
  const commands = exitCode === 0 ? removalOf(stdout) : "";
  if (commands) await $({ ...quiet, input: commands })`${command} iptables-restore --noflush`;
}

/**
 * What `iptables-restore --noflush` gets to remove the engine's rules from those that `iptables-save` has listed: the bridge's
 * addresses in the CNI plugins' chains, the chains for each of its containers, and the plugins' own chains when nobody else's
 * rules are left in them. The plugins leave these, and after a kill all (plugins/meta/firewall, `Del`).
 */
export function removalOf(saved: string): string {
  const [filter, nat] = [linesOf(saved, "filter"), linesOf(saved, "nat")];
  return inTable("filter", removedFilters(filter)) + inTable("nat", removedMasquerades(nat));
}

const inTable = (table: string, lines: string[]) =>
  lines.length > 0 ? `*${table}\n${lines.join("\n")}\nCOMMIT\n` : "";

/** The lines of a table: its chains, and the rules that are appended to them. */
function linesOf(saved: string, table: string): string[] {
  const [, body = ""] = saved.split(`*${table}\n`);
  return (body.split("\nCOMMIT")[0] ?? "").split("\n");
}

const CONTAINER_CHAIN = / -j CNI-[0-9a-f]{24}$/;

const deletion = (rule: string) => rule.replace(/^-A /, "-D ");

function removedFilters(rules: string[]): string[] {
  const inChain = rules.filter((rule) => rule.startsWith("-A CNI-FORWARD "));
  const ours = inChain.filter((rule) => rule.includes(` ${SUBNET}`));
  if (inChain.length === 0) return [];
  const isJump = (rule: string) => rule.endsWith(" -j CNI-ADMIN");
  const others = inChain.filter((rule) => !ours.includes(rule) && !isJump(rule));
  const administrators = rules.filter((rule) => rule.startsWith("-A CNI-ADMIN "));
  if (others.length > 0 || administrators.length > 0) return ours.map(deletion);
  const jumps = rules.filter((rule) => rule.endsWith(" -j CNI-FORWARD"));
  return [...jumps.map(deletion), "-F CNI-FORWARD", "-X CNI-FORWARD", "-X CNI-ADMIN"];
}

/** Each container has a chain of its own for what it sends out; one that was being made or removed at a kill is empty. */
function removedMasquerades(lines: string[]): string[] {
  const rules = lines.filter((line) => line.startsWith("-A "));
  const jumps = rules.filter((rule) => rule.startsWith(`-A POSTROUTING -s ${SUBNET}`) && CONTAINER_CHAIN.test(rule));
  const jumpedTo = jumps.map((rule) => rule.slice(rule.lastIndexOf(" ") + 1));
  const empty = lines
    .flatMap((line) => /^:(CNI-[0-9a-f]{24}) /.exec(line)?.[1] ?? [])
    .filter((chain) => !rules.some((rule) => rule.includes(chain)));
  return [
    ...jumps.map(deletion),
    ...jumpedTo.map((chain) => `-F ${chain}`),
    ...[...jumpedTo, ...empty].map((chain) => `-X ${chain}`),
  ];
}
