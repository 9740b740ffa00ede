// What a bootstrap that takes over an interrupted one reads out of Terraform's errors.
import { describe, expect, it } from "vitest";
import { missingIn } from "../../pipeline/src/adoption.js";

const missing = (address: string) => `
╷
│ Error: Cannot import non-existent remote object
│
│ While attempting to import an existing object to
│ "${address}", the
│ provider detected that no object exists with the given id. Only pre-existing
│ objects can be imported;
╵
`;

describe("what an interrupted bootstrap had not come to", () => {
  it.each([
    ["module.state_backend.aws_dynamodb_table.lock", "lock-table"],
    ["module.github_oidc.aws_iam_openid_connect_provider.github[0]", "provider"],
    ["module.github_oidc.aws_iam_role.plan[0]", "role/helloworld-plan"],
    ['module.github_oidc.aws_iam_role.deploy[\\"prod\\"]', "role/helloworld-deploy-prod"],
    ['module.github_oidc.aws_iam_policy.deploy[\\"dev/cluster\\"]', "policy/helloworld-deploy-dev-cluster"],
    ['module.github_oidc.aws_iam_policy.boundary[\\"dev\\"]', "policy/helloworld-boundary-dev"],
  ])("%s is called %s", (address, name) => {
    expect(missingIn(missing(address))).toEqual([name]);
  });

  it("is told in several errors at once", () => {
    const output =
      missing("module.state_backend.aws_s3_bucket.state") +
      missing('module.github_oidc.aws_iam_policy.plan[\\"read\\"]');
    expect(missingIn(output)).toEqual(["bucket", "policy/helloworld-plan-read"]);
  });

  it.each([
    ["reading IAM OIDC Provider: couldn't find resource", ["provider"]],
    ["reading IAM OIDC Provider: operation error IAM: GetOpenIDConnectProvider, AccessDenied: no", []],
    ["Resource postcondition failed", []],
  ])("is the provider only where there is none: %s", (error, names) => {
    const address = 'data.aws_iam_openid_connect_provider.adopted["arn:aws:iam::111122223333:oidc-provider/x"]';
    expect(missingIn(`╷\n│ Error: ${error}\n│\n│   with ${address},\n│   on adopt.tf line 60\n╵`)).toEqual(names);
  });

  it("is nothing when Terraform failed for another reason", () => {
    expect(missingIn('Error: Unsupported argument\n\n  on main.tf line 12, in module "vpc":')).toEqual([]);
  });
});
