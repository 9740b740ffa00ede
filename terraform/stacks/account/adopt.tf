# Only what would clash by its name. A bucket's settings and a role's attachments are made by calls that can be repeated.
locals {
  arn = "arn:${data.aws_partition.current.partition}:iam::${local.account}"

  adopt = {
    bucket     = local.bucket
    lock-table = local.table
    key        = "alias/helloworld-terraform"
    provider   = "${local.arn}:oidc-provider/token.actions.githubusercontent.com"
  }
  # Neither made nor taken over.
  adopt_never = var.provider_arn == null ? [] : ["provider"]

  adopt_roles = merge(
    { for environment in var.environments : "role/helloworld-deploy-${environment}" => environment },
    { for name in ["plan"] : "role/helloworld-${name}" => name if var.plan_role },
  )

  # Names of the policies of module github-oidc; tests/account.tftest.hcl compares.
  adopt_deploy_policies = merge([
    for environment in var.environments : {
      for name in ["cluster", "fence", "identity", "network", "services", "state"] : "policy/helloworld-deploy-${environment}-${name}" => "${environment}/${name}"
    }
  ]...)
  adopt_plan_policies = { for name in ["read", "state"] : "policy/helloworld-plan-${name}" => name if var.plan_role }
  adopt_boundaries    = { for environment in var.environments : "policy/helloworld-boundary-${environment}" => environment }

  adopted = {
    for name in concat(keys(local.adopt), keys(local.adopt_roles), keys(local.adopt_deploy_policies), keys(local.adopt_plan_policies), keys(local.adopt_boundaries)) :
    name => var.adopt && !contains(var.adopt_missing, name) && !contains(local.adopt_never, name)
  }
}

import {
  for_each = local.adopted["bucket"] ? toset([local.adopt.bucket]) : toset([])
  to       = module.state_backend.aws_s3_bucket.state
  id       = each.key
}

import {
  for_each = local.adopted["lock-table"] ? toset([local.adopt.lock-table]) : toset([])
  to       = module.state_backend.aws_dynamodb_table.lock
  id       = each.key
}

# A key has no name but its alias.
data "aws_kms_alias" "adopted" {
  for_each = local.adopted["key"] ? toset([local.adopt.key]) : toset([])
  name     = each.key
}

import {
  for_each = data.aws_kms_alias.adopted
  to       = module.state_backend.aws_kms_key.this
  id       = each.value.target_key_id
}

import {
  for_each = local.adopted["key"] ? toset([local.adopt.key]) : toset([])
  to       = module.state_backend.aws_kms_alias.this
  id       = each.key
}

# An account has one for each issuer, so it may be somebody else's, who would lose it with this stack.
data "aws_iam_openid_connect_provider" "adopted" {
  for_each = local.adopted["provider"] ? toset([local.adopt.provider]) : toset([])
  arn      = each.key

  lifecycle {
    postcondition {
      condition     = try(self.tags["Project"] == "helloworld" && self.tags["Stack"] == "account", false)
      error_message = "${each.key} lacks this stack's tags: no bootstrap has made it, and others use it. To use it as it is: --vars provider_arn=${each.key}"
    }
  }
}

import {
  for_each = data.aws_iam_openid_connect_provider.adopted
  to       = module.github_oidc.aws_iam_openid_connect_provider.github[0]
  id       = each.value.arn
}

import {
  for_each = { for name, key in local.adopt_roles : key => trimprefix(name, "role/") if key != "plan" && local.adopted[name] }
  to       = module.github_oidc.aws_iam_role.deploy[each.key]
  id       = each.value
}

import {
  for_each = { for name, key in local.adopt_roles : key => trimprefix(name, "role/") if key == "plan" && local.adopted[name] }
  to       = module.github_oidc.aws_iam_role.plan[0]
  id       = each.value
}

import {
  for_each = { for name, key in local.adopt_deploy_policies : key => "${local.arn}:${name}" if local.adopted[name] }
  to       = module.github_oidc.aws_iam_policy.deploy[each.key]
  id       = each.value
}

import {
  for_each = { for name, key in local.adopt_plan_policies : key => "${local.arn}:${name}" if local.adopted[name] }
  to       = module.github_oidc.aws_iam_policy.plan[each.key]
  id       = each.value
}

import {
  for_each = { for name, key in local.adopt_boundaries : key => "${local.arn}:${name}" if local.adopted[name] }
  to       = module.github_oidc.aws_iam_policy.boundary[each.key]
  id       = each.value
}
