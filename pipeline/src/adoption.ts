/** Names of module github-oidc's policies and roles by their resource in it; stacks/account/adopt.tf has the same. */
const NAMES: Readonly<Record<string, (key: string) => string>> = {
  "module.state_backend.aws_s3_bucket.state": () => "bucket",
  "module.state_backend.aws_dynamodb_table.lock": () => "lock-table",
  "module.state_backend.aws_kms_key.this": () => "key",
  "module.state_backend.aws_kms_alias.this": () => "key",
  "module.github_oidc.aws_iam_openid_connect_provider.github": () => "provider",
  "module.github_oidc.aws_iam_role.plan": () => "role/helloworld-plan",
  "module.github_oidc.aws_iam_role.deploy": (key) => `role/helloworld-deploy-${key}`,
  "module.github_oidc.aws_iam_policy.plan": (key) => `policy/helloworld-plan-${key}`,
  "module.github_oidc.aws_iam_policy.deploy": (key) => `policy/helloworld-deploy-${key.replace("/", "-")}`,
  "module.github_oidc.aws_iam_policy.boundary": (key) => `policy/helloworld-boundary-${key}`,
};

/**
 * What an interrupted bootstrap had not come to, by what Terraform says when it is to take that over.
 *
 * @returns names for the stack's variable `adopt_missing`
 */
export function missingIn(output: string): string[] {
  const text = output.replace(/[│╷╵]/g, "").replace(/\s+/g, " ");
  const missing = new Set<string>();
  for (const [, quoted = ""] of text.matchAll(/existing object to "((?:[^"\\]|\\.)+)", the provider detected/g)) {
    const [, resource = "", key = ""] = /^([^[]*)(?:\[(?:"(.*)"|\d+)\])?$/.exec(quoted.replace(/\\(.)/g, "$1")) ?? [];
    const name = NAMES[resource]?.(key);
    if (name) missing.add(name);
  }
  // Looked up before anything is taken over: a key, which is found by its alias, and whose the provider is.
  if (/Error: [^.]*KMS Alias.*data\.aws_kms_alias\.adopted/.test(text)) missing.add("key");
  if (text.split("Error: ").some(isMissingProvider)) missing.add("provider");
  return [...missing];
}

const isMissingProvider = (error: string) =>
  /IAM OIDC Provider.*(?:couldn't find|NoSuchEntity)/.test(error) &&
  error.includes("data.aws_iam_openid_connect_provider.adopted");
