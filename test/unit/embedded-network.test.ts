import { expect, test } from "vitest";
import { othersInterfaces, removalOf } from "../../embedded/src/hostNetwork.js";

const jump = '-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD';
const overrides = '-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN';
const [accepted, sent] = ["-A CNI-FORWARD -d 10.87.0.31/32 -j ACCEPT", "-A CNI-FORWARD -s 10.87.0.31/32 -j ACCEPT"];
const masquerade =
  '-A POSTROUTING -s 10.87.0.31/32 -m comment --comment "name: \\"dagger\\" id: \\"x1\\"" -j CNI-30cf06fc779aaa18a0c1d4f3';

const saved = (filter: string[], nat: string[], chains = ["CNI-30cf06fc779aaa18a0c1d4f3"]) =>
  [
    ...["# Generated", "*filter", ":FORWARD ACCEPT [0:0]", ":CNI-FORWARD - [0:0]", ...filter, "COMMIT"],
    ...["*nat", ":POSTROUTING ACCEPT [0:0]", ...chains.map((chain) => `:${chain} - [0:0]`), ...nat, "COMMIT", ""],
  ].join("\n");

test("the rules of the engine's containers and the plugins' own chains are removed", () => {
  const chain = "-A CNI-30cf06fc779aaa18a0c1d4f3 -d 10.87.0.0/16 -j ACCEPT";
  expect(removalOf(saved([jump, overrides, accepted, sent], [masquerade, chain])).split("\n")).toEqual([
    ...["*filter", jump.replace("-A", "-D"), "-F CNI-FORWARD", "-X CNI-FORWARD", "-X CNI-ADMIN", "COMMIT"],
    ...[
      "*nat",
      masquerade.replace("-A", "-D"),
      "-F CNI-30cf06fc779aaa18a0c1d4f3",
      "-X CNI-30cf06fc779aaa18a0c1d4f3",
      "COMMIT",
      "",
    ],
  ]);
});

test("somebody else's rules in these chains stay, and the chains with them", () => {
  const theirs = "-A CNI-FORWARD -s 10.88.0.5/32 -j ACCEPT";
  const others = "-A POSTROUTING -s 10.88.0.5/32 -j CNI-aaaaaaaaaaaaaaaaaaaaaaaa";
  expect(removalOf(saved([jump, overrides, accepted, theirs], [others], []))).toBe(
    ["*filter", accepted.replace("-A", "-D"), "COMMIT", ""].join("\n"),
  );
});

test("an empty chain of a container that nothing leads to any more is removed", () => {
  expect(removalOf(saved([], []))).toBe("*nat\n-X CNI-30cf06fc779aaa18a0c1d4f3\nCOMMIT\n");
});

test("a host without any of them is left alone", () => {
  expect(removalOf(saved(["-A FORWARD -j DOCKER-USER"], ["-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE"], []))).toBe(
    "",
  );
  expect(removalOf("")).toBe("");
});

test("forwarding stays for bridges of others, which may have come meanwhile", () => {
  expect(othersInterfaces(["lo", "eth0", "dagger0", "ens5", "bond0", "wlan0"])).toEqual([]);
  const theirs = ["docker0", "br-4f2a9c1e7b3d", "cni0", "podman0", "virbr0"];
  expect(othersInterfaces(["lo", ...theirs, "eth0"])).toEqual(theirs);
});

test("forwarding stays for bridges of any name, for overlays and for tunnels", () => {
  const isBridge = (name: string) => ["dagger0", "lan"].includes(name);
  expect(othersInterfaces(["lo", "dagger0", "lan", "eth0"], isBridge)).toEqual(["lan"]);
  const bridges = ["lxdbr0", "incusbr0", "lxcbr0", "vmbr0"];
  const theirs = [...bridges, "wg0", "tailscale0", "tun0", "tap0", "flannel.1", "cali0a1b2c3d4e5", "cilium_host"];
  expect(othersInterfaces(["lo", ...theirs, "veth0a1b2c3d"])).toEqual(theirs);
});
