// What a reader is told of a plan, and that its secrets stay away.
import { describe, expect, it } from "vitest";
import { type PlanJson, redactPlan } from "../../pipeline/src/planJson.js";
import { isEmpty, lossesOf, summarizeDrift, summarizePlan } from "../../pipeline/src/planSummary.js";

const resource = (address: string, actions: string[], change: object = {}) => {
  const module_address = /^(module\.[^.]+)\./.exec(address)?.[1];
  const type = address.replace(/^module\.[^.]+\./, "").split(".")[0] ?? "";
  return { address, type, mode: "managed", ...(module_address && { module_address }), change: { actions, ...change } };
};

const plan: PlanJson & Record<string, unknown> = {
  prior_state: { values: "hunter2" },
  planned_values: { values: "hunter2" },
  variables: { token: { value: "hunter2" } },
  output_changes: { password: { actions: ["create"], after: "hunter2", after_sensitive: true } },
  resource_changes: [
    resource("module.vpc.aws_vpc.this", ["no-op"]),
    resource("module.vpc.aws_subnet.private[0]", ["create"], { after: { cidr: "10.0.0.0/20" } }),
    resource("module.vpc.aws_subnet.private[1]", ["create"], { after: {} }),
    resource("module.eks.aws_eks_cluster.this", ["delete", "create"], {
      replace_paths: [["vpc_config", 0, "subnet_ids"]],
    }),
    resource("module.eks.aws_kms_key.secrets", ["delete"]),
    resource("module.karpenter.aws_sqs_queue.interruption", ["update"], {
      before: { name: "q", message_retention_seconds: 300, secret: "old-hunter2" },
      after: { name: "q", message_retention_seconds: 60, secret: "hunter2" },
      before_sensitive: { secret: true },
      after_sensitive: { secret: true },
    }),
    { ...resource("data.aws_caller_identity.this", ["read"]), mode: "data" },
  ],
};

describe("a plan's summary", () => {
  const summary = summarizePlan(plan, "Plan of dev");

  it("counts what becomes of the resources, in all and by module", () => {
    expect(summary).toContain("**2 to create, 1 to change, 1 to replace, 1 to destroy**");
    expect(summary).toMatch(/\| module\.eks +\| +\| +\| 1 +\| 1/);
    expect(summary).toMatch(/\| module\.vpc +\| 2 +\|/);
  });

  it("warns of every stateful thing that would be lost, with the cause", () => {
    const warnings = summary.split("\n").filter((line) => line.startsWith("> - "));
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(
      /aws_eks_cluster\.this` would be replaced: the cluster.*because of `vpc_config\.0\.subnet_ids`/,
    );
    expect(warnings[1]).toMatch(/aws_kms_key\.secrets` would be destroyed/);
    expect(warnings).toEqual(lossesOf(plan).map((line) => `> ${line}`));
  });

  it("shows what changes, and of a secret only that it changes", () => {
    expect(summary).toContain("message_retention_seconds: 300 → 60, secret: (sensitive) → (sensitive)");
    expect(summary).not.toContain("hunter2");
  });

  it("says that there is nothing to do", () => {
    const nothing = { resource_changes: [resource("aws_vpc.this", ["no-op"])] };
    expect(isEmpty(nothing)).toBe(true);
    expect(summarizePlan(nothing, "Plan of dev")).toContain("No changes");
    expect(isEmpty(plan)).toBe(false);
  });
});

describe("a plan's JSON", () => {
  it("leaves this machine without secret values", () => {
    const text = JSON.stringify(redactPlan(plan));
    expect(text).not.toContain("hunter2");
    expect(text).toContain("10.0.0.0/20");
  });
});

describe("a plan that only moves", () => {
  const moved = { ...resource("module.new.aws_vpc.this", ["no-op"]), previous_address: "module.old.aws_vpc.this" };

  it("is not empty, as Terraform has the state to write, and says from where", () => {
    expect(isEmpty({ resource_changes: [moved] })).toBe(false);
    const text = summarizePlan({ resource_changes: [moved] }, "Plan");
    expect(text).toContain("**1 to move**");
    expect(text).toContain("from module.old.aws_vpc.this");
  });
});

describe("drift", () => {
  const plan: PlanJson = {
    resource_drift: [
      resource("aws_sqs_queue.q", ["update"], { before: { a: 300 }, after: { a: 60 } }),
      resource("aws_iam_role.r", ["delete"], { before: { name: "r" }, after: null }),
      resource("aws_eip.filled_in_by_aws", ["update"], { before: { ip: "" }, after: { ip: "10.0.0.1" } }),
      resource("aws_eip.filled_in_by_aws_and_changed_in_code", ["update"], {
        before: { ip: "", tags: {} },
        after: { ip: "10.0.0.1", tags: {} },
      }),
      resource("aws_vpc.v", ["no-op"]),
    ],
    resource_changes: [
      resource("aws_sqs_queue.q", ["update"], { before: { a: 60 }, after: { a: 300 } }),
      resource("aws_iam_role.r", ["create"]),
      resource("aws_eip.filled_in_by_aws_and_changed_in_code", ["update"], {
        before: { ip: "10.0.0.1", tags: {} },
        after: { ip: "10.0.0.1", tags: { a: "b" } },
      }),
      resource("aws_eip.filled_in_by_aws", ["no-op"]),
      resource("aws_vpc.code_not_applied_yet", ["update"]),
    ],
  };

  it("names each resource that Terraform would put back, with the attributes that differ, and what is gone", () => {
    const report = summarizeDrift(plan, "Drift of dev");
    expect(report).toContain("**2 resources have drifted**");
    expect(report).toMatch(/`aws_sqs_queue\.q` \| has changed \| a: 300 → 60/);
    expect(report).toMatch(/`aws_iam_role\.r` +\| is gone/);
    expect(report).not.toMatch(/filled_in_by_aws|code_not_applied_yet/);
  });

  it("is nothing when nothing would be put back", () => {
    expect(summarizeDrift({ ...plan, resource_changes: [] }, "Drift")).toBeUndefined();
  });
});
