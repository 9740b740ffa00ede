// The order in which the stack's modules go when an environment is destroyed: the reverse of what each waits for. What goes too
// late is left behind in AWS, and nothing in Terraform tells of it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const stack = readFileSync(
  fileURLToPath(new URL("../../terraform/stacks/viney-infra/main.tf", import.meta.url)),
  "utf8",
);

/** Each module of the stack and the modules that its block names, in an argument or in depends_on. */
const waitsFor = new Map(
  [...stack.matchAll(/^module "(\w+)" \{\n(.*?)^\}/gms)].map(([, name, body]) => [
    name ?? "",
    [...(body ?? "").matchAll(/module\.(\w+)/g)].map(([, other]) => other ?? ""),
  ]),
);

/** Whether `first` is destroyed before `then` begins to be. */
function goesBefore(first: string, then: string): boolean {
  return (waitsFor.get(first) ?? []).some((next) => next === then || goesBefore(next, then));
}

test.each([
  ["teardown", "flux"], // while Flux' operator can still end the sync
  ["teardown", "aws_load_balancer_controller"], // while it can still delete load balancers
  ["teardown", "tofu_controller"], // what it applies is not applied again
  ["tofu_controller", "flux"], // its kinds name Flux' sources
  ["flux", "external_secrets"], // what Flux applies has no controller any more otherwise, and finalizers stay
  ["flux", "flagger"],
  ["flux", "prometheus"],
  ["flux", "aws_load_balancer_controller"],
  ["flux", "ghcr_secret"],
  ["flagger", "prometheus"],
  ["prometheus", "ebs_csi_driver"], // volumes go while the driver runs
  ["prometheus", "karpenter"],
  ["flux", "karpenter"], // nodes are drained of nothing that would come back
  ["karpenter", "eks"], // instances go before what they need to leave
  ["ebs_csi_driver", "eks"],
  ["aws_load_balancer_controller", "eks"],
  ["external_secrets", "eks"],
  ["application_namespace", "eks"],
  ["eks", "vpc"],
])("%s goes before %s", (first, then) => {
  expect(goesBefore(first, then)).toBe(true);
});

test("every module that lives in the cluster goes before the cluster", () => {
  const ground = ["input", "workspace", "vpc", "eks"];
  const inCluster = [...waitsFor.keys()].filter((name) => !ground.includes(name));
  expect(inCluster.length).toBeGreaterThan(9);
  expect(inCluster.filter((name) => !goesBefore(name, "eks"))).toEqual([]);
});

test("nothing waits for itself", () => {
  expect([...waitsFor.keys()].filter((name) => goesBefore(name, name))).toEqual([]);
});
