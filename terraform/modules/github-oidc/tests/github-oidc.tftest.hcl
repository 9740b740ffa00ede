mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mock" }
  }
}

variables {
  github_organization  = "damekarv"
  github_repository    = "helloworld-infrastructure"
  environments         = { dev = {}, prod = {} }
  plan_role            = true
  state_bucket_arn     = "arn:aws:s3:::helloworld-terraform-111122223333-eu-west-1"
  state_lock_table_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/helloworld-terraform-locks"
  state_kms_key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
}

run "legacy_subjects_without_ids" {
  command = apply

  assert {
    condition = jsondecode(aws_iam_role.deploy["dev"].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = ["repo:damekarv/helloworld-infrastructure:environment:dev"]
        }
      }
    }]
    error_message = "dev's role must trust exactly the jobs of environment dev."
  }

  assert {
    condition     = jsondecode(aws_iam_role.deploy["prod"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:damekarv/helloworld-infrastructure:environment:prod"]
    error_message = "prod's role must trust exactly the jobs of environment prod."
  }

  assert {
    condition     = jsondecode(aws_iam_role.plan[0].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:damekarv/helloworld-infrastructure:pull_request"]
    error_message = "The plan role must trust exactly pull requests."
  }
}

run "immutable_subjects_with_ids" {
  command = apply

  variables {
    github_organization_id = 9876543
    github_repository_id   = 1234567890
  }

  assert {
    condition     = jsondecode(aws_iam_role.deploy["dev"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:damekarv@9876543/helloworld-infrastructure@1234567890:environment:dev"]
    error_message = "With ids, a name alone must not be enough."
  }

  assert {
    condition     = jsondecode(aws_iam_role.plan[0].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:damekarv@9876543/helloworld-infrastructure@1234567890:pull_request"]
    error_message = "With ids, a name alone must not be enough for plans either."
  }
}

run "both_subjects_while_moving" {
  command = apply

  variables {
    github_organization_id = 9876543
    github_repository_id   = 1234567890
    accept_legacy_subject  = true
  }

  assert {
    condition = jsondecode(aws_iam_role.deploy["prod"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
      "repo:damekarv@9876543/helloworld-infrastructure@1234567890:environment:prod",
      "repo:damekarv/helloworld-infrastructure:environment:prod",
    ]
    error_message = "Both forms must be accepted when asked for."
  }
}

run "trusts_compare_by_equality_only" {
  command = apply

  assert {
    condition = alltrue([
      for role in concat(values(aws_iam_role.deploy), aws_iam_role.plan) :
      keys(jsondecode(role.assume_role_policy).Statement[0].Condition) == ["StringEquals"] && !strcontains(role.assume_role_policy, "*")
    ])
    error_message = "Neither StringLike nor ForAllValues, and no wildcard: each would let others in."
  }

  assert {
    condition     = aws_iam_openid_connect_provider.github[0].url == "https://token.actions.githubusercontent.com" && aws_iam_openid_connect_provider.github[0].client_id_list == toset(["sts.amazonaws.com"])
    error_message = "The provider is GitHub's, for tokens made for STS."
  }
}

run "names" {
  command = apply

  assert {
    condition     = aws_iam_role.deploy["dev"].name == "helloworld-deploy-dev" && aws_iam_role.plan[0].name == "helloworld-plan" && aws_iam_policy.boundary["dev"].name == "helloworld-boundary-dev"
    error_message = "The stack and the pipeline know these names."
  }

  assert {
    condition     = alltrue([for policy in values(aws_iam_policy.deploy) : !startswith(policy.name, "dev-helloworld") && !startswith(policy.name, "prod-helloworld")])
    error_message = "A deploy role may change policies with its environment's prefix: its own must not have it."
  }

  assert {
    condition = toset(keys(aws_iam_policy.deploy)) == toset(flatten([
      for environment in ["dev", "prod"] : [for name in ["cluster", "fence", "identity", "network", "services", "state"] : "${environment}/${name}"]
    ]))
    error_message = "Each deploy role has these policies; stacks/account/adopt.tf lists them too."
  }
}

run "least_privilege" {
  command = apply

  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_policy.deploy), values(aws_iam_policy.plan)) : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in flatten([statement.Action]) : !strcontains(action, "*")
        ] if statement.Effect == "Allow"
      ]
    ]))
    error_message = "No wildcards in what is allowed."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(aws_iam_policy.deploy) : [
        for statement in jsondecode(policy.policy).Statement :
        contains(["Read", "CreateKeys", "Lists"], statement.Sid) || !contains(flatten([statement.Resource]), "*") if statement.Effect == "Allow"
      ]
    ]))
    error_message = "Only describing, lists and a key that is not there yet may name no resource."
  }

  assert {
    condition     = alltrue([for policy in concat(values(aws_iam_policy.deploy), values(aws_iam_policy.plan), values(aws_iam_policy.boundary)) : length(policy.policy) <= 6144])
    error_message = "IAM takes 6,144 characters a policy."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(aws_iam_policy.plan) : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in flatten([statement.Action]) : can(regex("^[a-z0-9-]+:(Describe|Get|List)", action)) || action == "kms:Decrypt"
        ]
      ]
    ]))
    error_message = "The plan role only reads."
  }
}

run "roles_can_not_be_made_stronger" {
  command = apply

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.deploy["dev/identity"].policy).Statement :
      try(statement.Condition.StringEquals["iam:PermissionsBoundary"] == "arn:aws:iam::111122223333:policy/helloworld-boundary-dev", false)
      if length(setintersection(flatten([statement.Action]), ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"])) > 0
    ])
    error_message = "What makes a role stronger is allowed within the boundary only."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_policy.deploy["dev/identity"].policy).Statement : [
        for resource in flatten([statement.Resource]) : startswith(resource, "arn:aws:iam::111122223333:role/dev-helloworld-") || startswith(resource, "arn:aws:iam::111122223333:policy/dev-helloworld-") || strcontains(resource, ":oidc-provider/oidc") || strcontains(resource, ":role/aws-service-role/")
      ]
    ]))
    error_message = "Roles and policies are those with the environment's prefix."
  }

  assert {
    condition     = !strcontains(aws_iam_policy.deploy["dev/identity"].policy, "iam:DeleteRolePermissionsBoundary")
    error_message = "A boundary can't be taken off."
  }
}

run "boundaries" {
  command = apply

  assert {
    condition     = contains(jsondecode(aws_iam_policy.boundary["dev"].policy).Statement[0].NotAction, "iam:*") && contains(jsondecode(aws_iam_policy.boundary["dev"].policy).Statement[0].NotAction, "sts:AssumeRole")
    error_message = "Roles of an environment must not manage identities or become others."
  }

  assert {
    condition = alltrue([
      for environment in ["dev", "prod"] : [
        for statement in jsondecode(aws_iam_policy.boundary[environment].policy).Statement : statement.Condition.StringNotEquals["aws:ResourceTag/Environment"] if statement.Sid == "OtherEnvironments" && statement.Effect == "Deny"
      ] == [environment]
    ])
    error_message = "What has another environment's tag is closed."
  }
}

run "secrets_of_others_are_closed" {
  command = apply

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.boundary["dev"].policy).Statement : statement.Resource if statement.Sid == "SecretsOfProd" && statement.Effect == "Deny" && contains(statement.Action, "secretsmanager:*")
    ] == [["arn:aws:secretsmanager:*:111122223333:secret:prod-helloworld/*", "arn:aws:ssm:*:111122223333:parameter/prod-helloworld/*"]]
    error_message = "Secrets by prod's name are closed to dev's roles, also without a tag."
  }
}

run "state_key_can_not_be_taken_over" {
  command = apply

  assert {
    condition = alltrue([
      for environment in ["dev", "prod"] : [
        for statement in jsondecode(aws_iam_policy.deploy["${environment}/fence"].policy).Statement : statement.NotAction if statement.Sid == "StateKeyIsOnlyUsed" && statement.Effect == "Deny" && statement.Resource == var.state_kms_key_arn
      ] == [["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]]
    ])
    error_message = "With a tag of its own environment on it, a deploy role could change the key that all states are encrypted with."
  }
}

run "pods_can_not_reach_states" {
  command = apply

  assert {
    condition = [for statement in jsondecode(aws_iam_policy.boundary["dev"].policy).Statement : statement.Resource if statement.Sid == "NoStates" && statement.Effect == "Deny"][0] == [
      var.state_bucket_arn, "${var.state_bucket_arn}/*", var.state_lock_table_arn, var.state_kms_key_arn
    ]
    error_message = "Bucket, objects, lock table and key are closed to every role of an environment."
  }
}

run "state_of_the_own_environment" {
  command = apply

  assert {
    condition = [for statement in jsondecode(aws_iam_policy.deploy["dev/state"].policy).Statement : statement.Resource if statement.Sid == "StateAndLockFile"][0] == [
      "arn:aws:s3:::helloworld-terraform-111122223333-eu-west-1/env/dev/viney-infra/terraform.tfstate",
      "arn:aws:s3:::helloworld-terraform-111122223333-eu-west-1/env/dev/viney-infra/terraform.tfstate.tflock",
    ]
    error_message = "dev's role must reach dev's state and lock file, and no other."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_policy.deploy["dev/state"].policy).Statement : statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] if statement.Sid == "LockAndChecksum"][0] == [
      "helloworld-terraform-111122223333-eu-west-1/env/dev/viney-infra/terraform.tfstate",
      "helloworld-terraform-111122223333-eu-west-1/env/dev/viney-infra/terraform.tfstate-md5",
    ]
    error_message = "dev's role must reach dev's lock and checksum, and no other."
  }
}

run "no_plan_role" {
  command = apply

  variables {
    plan_role = false
  }

  assert {
    condition     = output.plan_role_arn == null && length(aws_iam_role.plan) + length(aws_iam_policy.plan) + length(aws_iam_role_policy_attachment.plan) == 0
    error_message = "No role is open to pull requests unless somebody wants it."
  }
}

run "provider_of_others" {
  command = apply

  variables {
    provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && output.provider_arn == var.provider_arn
    error_message = "A given provider is used, and not made."
  }

  assert {
    condition     = jsondecode(aws_iam_role.deploy["dev"].assume_role_policy).Statement[0].Principal.Federated == var.provider_arn
    error_message = "Roles trust the given provider."
  }
}

run "refuses_another_issuers_provider" {
  command = plan

  variables {
    provider_arn = "arn:aws:iam::111122223333:oidc-provider/gitlab.com"
  }

  expect_failures = [var.provider_arn]
}

run "adopts_no_cluster_security_group" {
  command = apply

  assert {
    condition = alltrue([
      for environment in ["dev", "prod"] : [
        for statement in jsondecode(aws_iam_policy.deploy["${environment}/network"].policy).Statement : statement.Condition if statement.Sid == "AdoptDefaultSecurityGroup"
        ] == [{
          Null         = { "aws:ResourceTag/Environment" = "true", "aws:ResourceTag/aws:eks:cluster-name" = "true" }
          StringEquals = { "aws:RequestTag/Environment" = environment }
      }]
    ])
    error_message = "EKS' group of prod's cluster has no tag Environment: with dev's tag on it, dev's role could change it."
  }
}

run "further_policies" {
  command = apply

  variables {
    environments = {
      dev = {
        prefix   = "sandbox"
        policies = { extra = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sns:Publish\",\"Resource\":\"arn:aws:sns:eu-west-1:111122223333:sandbox-x\"}]}" }
      }
    }
  }

  assert {
    condition     = aws_iam_policy.deploy["dev/extra"].name == "helloworld-deploy-dev-extra" && strcontains(aws_iam_policy.deploy["dev/identity"].policy, "role/sandbox-*")
    error_message = "Policies and prefix must be taken."
  }
}

run "refuses_own_prefix" {
  command = plan

  variables {
    environments = { dev = { prefix = "helloworld" } }
  }

  expect_failures = [var.environments]
}

run "refuses_one_id" {
  command = plan

  variables {
    github_repository_id = 1234567890
  }

  expect_failures = [var.github_repository_id]
}

run "refuses_wildcard_repository" {
  command = plan

  variables {
    github_repository = "*"
  }

  expect_failures = [var.github_repository]
}

run "refuses_administrators_policy" {
  command = plan

  variables {
    attachable_managed_policies = ["AdministratorAccess"]
  }

  expect_failures = [var.attachable_managed_policies]
}
