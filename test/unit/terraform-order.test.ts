// The order in which the stack's modules go when an environment is destroyed: the reverse of what each waits for. What goes too
// late is left behind in AWS, and nothing in Terraform tells of it.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const terraform = (path: string) => fileURLToPath(new URL(`../../terraform/${path}`, import.meta.url));
const stack = readFileSync(terraform("stacks/viney-infra/main.tf"), "utf8");

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

/** What a module's resources and outputs name, and what that names, by `type.name` and `output.name`. */
function namesIn(module: string): Map<string, Set<string>> {
  const files = readdirSync(terraform(`modules/${module}`)).filter((file) => file.endsWith(".tf"));
  const code = files.map((file) => readFileSync(terraform(`modules/${module}/${file}`), "utf8")).join("\n");
  const blocks = code.replace(/#.*$/gm, "").matchAll(/^(?:resource "(\w+)"|(output)) "(\w+)" \{\n(.*?)^\}/gms);
  const direct = new Map(
    [...blocks].map(([, type, output, name, body]) => [
      `${type ?? output}.${name}`,
      [...(body ?? "").matchAll(/(?<!data\.)\baws_\w+\.\w+/g)].map(([address]) => address),
    ]),
  );
  const behind = (address: string, seen = new Set<string>()): Set<string> => {
    for (const next of direct.get(address) ?? []) if (!seen.has(next)) behind(next, seen.add(next));
    return seen;
  };
  return new Map([...direct.keys()].map((address) => [address, behind(address)]));
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

// The cluster is in the private subnets, so what their output names goes after it; anything else goes at once.
describe("of the network", () => {
  const vpc = namesIn("vpc");
  const egress = vpc.get("output.private_subnet_ids") ?? new Set();

  test("the cluster is in the private subnets", () => {
    expect(stack).toMatch(/^ {2}subnet_ids +?= module\.vpc\.private_subnet_ids$/m);
  });

  test("nothing goes before the cluster but what carries no traffic", () => {
    const resources = [...vpc.keys()].filter((address) => !address.startsWith("output."));
    expect(resources.filter((address) => !egress.has(address)).sort()).toEqual([
      "aws_cloudwatch_log_group.flow_logs",
      "aws_default_security_group.this",
      "aws_flow_log.this",
      "aws_iam_role.flow_logs",
      "aws_iam_role_policy.flow_logs",
      "aws_kms_alias.flow_logs",
      "aws_kms_key.flow_logs",
    ]);
  });

  test.each([
    ["aws_route.private_nat", "aws_nat_gateway.this"],
    ["aws_nat_gateway.this", "aws_route.public_internet"],
    ["aws_nat_gateway.this", "aws_route_table_association.public"],
    ["aws_route.public_internet", "aws_internet_gateway.this"],
    ["aws_vpc_endpoint.interface", "aws_vpc_security_group_ingress_rule.endpoints_https"],
  ])("%s goes before %s", (first, then) => {
    expect(vpc.get(first)).toContain(then);
  });

  test("nothing waits for itself", () => {
    expect([...vpc].filter(([address, behind]) => behind.has(address))).toEqual([]);
  });
});

test("the cluster's API lets in whoever destroys it until the cluster is gone", () => {
  expect(namesIn("eks").get("aws_eks_cluster.this")).toContain("aws_vpc_security_group_ingress_rule.api_https");
});
