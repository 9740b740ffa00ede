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
