mock_provider "aws" {
  override_during = plan # what has prevent_destroy can only be planned: a test could not clean it up

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::helloworld-terraform-111122223333-eu-west-1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/helloworld-terraform-locks" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mock" }
  }
}

variables {
  region = "eu-west-1"

  # For the runs that adopt. A mocked provider imports nothing, so all of dev's is missing but the OIDC provider.
  adopt_missing = [
    "bucket",
    "lock-table",
    "key",
    "role/helloworld-deploy-dev",
    "policy/helloworld-boundary-dev",
    "policy/helloworld-deploy-dev-cluster",
    "policy/helloworld-deploy-dev-fence",
    "policy/helloworld-deploy-dev-identity",
    "policy/helloworld-deploy-dev-network",
    "policy/helloworld-deploy-dev-services",
    "policy/helloworld-deploy-dev-state",
  ]
}

run "names" {
  command = plan

  assert {
    condition     = output.bucket == "helloworld-terraform-111122223333-eu-west-1" && output.lock_table == "helloworld-terraform-locks"
    error_message = "Backends and pipeline know these names."
  }
}

run "roles" {
  command = plan

  assert {
    condition     = keys(output.role_arns) == ["dev", "prod"] && keys(output.permissions_boundary_arns) == ["dev", "prod"]
    error_message = "Each environment must have a role and a boundary."
  }
}

run "all_policies_can_be_adopted" {
  command = plan

  assert {
    condition     = toset([for name in module.github_oidc.policy_names : "policy/${name}"]) == toset([for name in keys(local.adopted) : name if startswith(name, "policy/")])
    error_message = "adopt.tf must list the policies that module github-oidc makes."
  }

  assert {
    condition     = alltrue([for wanted in values(local.adopted) : !wanted])
    error_message = "Nothing is imported unless asked for."
  }
}

run "the_plan_role_can_be_adopted" {
  command = plan

  variables {
    plan_role = true
  }

  assert {
    condition     = contains(module.github_oidc.policy_names, "helloworld-plan-read") && contains(keys(local.adopted), "role/helloworld-plan")
    error_message = "The plan role must be made when asked for, and listed in adopt.tf."
  }

  assert {
    condition     = toset([for name in module.github_oidc.policy_names : "policy/${name}"]) == toset([for name in keys(local.adopted) : name if startswith(name, "policy/")])
    error_message = "adopt.tf must list its policies, too."
  }
}

run "no_plan_role" {
  command = plan

  assert {
    condition     = output.plan_role_arn == null && !contains(keys(local.adopted), "role/helloworld-plan")
    error_message = "No role is open to pull requests unless asked for."
  }
}

run "adopts_no_provider_of_others" {
  command = plan

  override_data {
    target = data.aws_iam_openid_connect_provider.adopted
    values = { tags = { Project = "another" } }
  }

  variables {
    environments = ["dev"]
    adopt        = true
  }

  expect_failures = [data.aws_iam_openid_connect_provider.adopted]
}

run "adopts_no_given_provider" {
  command = plan

  variables {
    adopt        = true
    provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    environments = ["dev"]
  }

  assert {
    condition     = !local.adopted["provider"] && length(data.aws_iam_openid_connect_provider.adopted) == 0
    error_message = "A provider that is given is neither looked at nor imported."
  }
}

run "refuses_unknown_environment" {
  command = plan

  variables {
    environments = ["dev", "staging"]
  }

  expect_failures = [var.environments]
}

run "refuses_short_account" {
  command = plan

  variables {
    account_id = "123"
  }

  expect_failures = [var.account_id]
}

run "refuses_unknown_thing_to_adopt" {
  command = plan

  variables {
    adopt_missing = ["vpc"]
  }

  expect_failures = [var.adopt_missing]
}
