// Terraform's failures with their next step.
import { describe, expect, it } from "vitest";
import { explainTerraform } from "../../pipeline/src/terraformErrors.js";

const explain = (output: string) =>
  explainTerraform({ command: "plan", environment: "dev", bucket: "helloworld-terraform-1-eu-west-1", output }).message;

describe("a failed command", () => {
  it.each([
    [
      'Error: Failed to get existing workspaces: S3 bucket "x" does not exist.',
      "no state bucket helloworld-terraform-1-eu-west-1",
    ],
    [
      "Error: Error acquiring the state lock\n\nError message: operation error DynamoDB: PutItem,\nResourceNotFoundException: Requested resource not found: Table: x not\nfound",
      "table of the state's locks is missing",
    ],
    [
      "Error: x\n\napi error ExpiredToken: The security token included in the request is\nexpired",
      "session has expired",
    ],
    ["Error: No valid credential sources found", "does not accept the credentials"],
    [
      "Error: creating IAM Role: AccessDenied: User is not authorized to perform: iam:CreateRole",
      "role may not do this",
    ],
    [
      "Error: Saved plan is stale\n\nThe given plan file can no longer be applied because the state was changed",
      "Make and review a new one: dagger call plan --env dev",
    ],
    [
      "Error: Failed to query available provider packages\n\nCould not retrieve the list",
      "provider could not be fetched",
    ],
    ['Error: Workspace "dev" doesn\'t exist.', "Nothing has been planned or applied in dev yet"],
    [
      'Error: Failed to write state: cannot import state with lineage "a" over unrelated state with\nlineage "b"',
      "another state of dev, or a newer one, so nothing was written",
    ],
    [
      "Error: Kubernetes cluster unreachable: the server has asked for the client to provide credentials",
      "does not accept who asks. Either there is no access entry",
    ],
    ["Error: Unauthorized\n\n  with module.ghcr_secret[0]", "or the log-in's 15 minutes were over"],
    ['Error: Cycle: module.eks.aws_eks_access_entry.this["a"] (destroy), module.eks.output.x', "in one plan, charts"],
    ["Error: creating IAM Role (x): EntityAlreadyExists: Role with name x already exists.", "terraform import"],
  ])("%s", (output, advice) => {
    const text = explain(output);
    expect(text).toContain(advice);
    expect(text).toContain(output.split("\n")[0]); // Terraform's own words stay
  });

  it.each([
    [
      'Warning: Deprecated Parameter\n\nThe parameter "dynamodb_table" is deprecated.\n\nError: reading EventBridge Rule (x): operation error EventBridge: DescribeRule, ResourceNotFoundException: Rule x does not exist',
      "table of the state's locks",
    ],
    [
      'Error: reading S3 Bucket: Head "https://x.s3.eu-west-1.amazonaws.com/": dial tcp 52.1.2.3:443: i/o timeout',
      "public_access_cidrs",
    ],
    ["Error: describing EC2 VPCs: operation error EC2: DescribeVpcs, UnauthorizedOperation: no", "access entry"],
    [
      'Error: Kubernetes cluster unreachable: Get "https://A1.gr7.eu-west-1.eks.amazonaws.com/version": dial tcp 10.10.1.2:443: i/o timeout',
      "access entry",
    ],
  ])("is not taken for another one: %s", (output, advice) => {
    expect(explain(output)).not.toContain(advice);
  });

  it.each([
    ["CreateRole", false],
    ["CreateOpenIDConnectProvider", true],
  ])("of a bootstrap whose %s finds something there tells how to go on", (operation, othersToo) => {
    const { message } = explainTerraform({
      ...{ command: "apply", environment: "stacks/account" },
      output: `Error: operation error IAM: ${operation}, https response error StatusCode: 409, EntityAlreadyExists: it exists`,
    });
    expect(message).toContain("dagger call bootstrap --vars adopt=true");
    expect(message.includes("--vars provider_arn=")).toBe(othersToo);
  });

  it("of a chart tells that the cluster's API is out of reach", () => {
    const output =
      'Error: Kubernetes cluster unreachable: Get "https://A1.gr7.eu-west-1.eks.amazonaws.com/version": dial tcp 10.10.1.2:443: i/o timeout';
    expect(explain(output)).toContain("later that would remove them");
    // Without charts there is no Flux either, which would install any.
    expect(explain(output)).toMatch(
      /runner in the VPC.*--vars install_charts=false.*Flux itself among them.*yours to install/,
    );
  });

  it("is no held lock when the lock could only not be freed in the end", () => {
    const text = explain(
      "Error: Failed to save state\n\nError releasing the state lock\n\nLock Info:\n  ID:        6f0d2c3e-1b7a-4c55-9a3e-0f7d7f2b9c11\n",
    );
    expect(text).toContain("Failed to save state");
    expect(text).not.toContain("nothing was changed");
  });

  it("keeps file and line, and leaves progress and warnings out", () => {
    const text = explain(
      'module.a: Refreshing state...\nWarning: Deprecated Parameter\n\n  on backend.tf line 3\n\nError: Unsupported argument\n\n  on main.tf line 12, in module "vpc":\n  12:   cird = "x"\n',
    );
    expect(text).toContain("on main.tf line 12");
    expect(text).not.toMatch(/Refreshing|Deprecated/);
  });
});
