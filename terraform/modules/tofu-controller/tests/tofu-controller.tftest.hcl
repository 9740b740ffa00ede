mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mocked" }
  }
}

mock_provider "helm" {}

variables {
  name              = "dev-helloworld"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  oidc_issuer       = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
}

run "may_do_nothing_by_default" {
  command = plan

  assert {
    condition     = length(module.irsa) == 0 && output.runner_role_arn == null
    error_message = "Without policies the runners get no role."
  }

  assert {
    condition     = yamldecode(helm_release.this[0].values[0]).runner.serviceAccount.annotations == {}
    error_message = "Without policies the runners' service account names no role."
  }
}

run "stays_in_its_namespace" {
  command = plan

  assert {
    condition = alltrue([
      yamldecode(helm_release.this[0].values[0]).watchAllNamespaces == false,
      yamldecode(helm_release.this[0].values[0]).allowCrossNamespaceRefs == false,
      yamldecode(helm_release.this[0].values[0]).allowBreakTheGlass == false,
      yamldecode(helm_release.this[0].values[0]).runner.serviceAccount.allowedNamespaces == ["flux-system"],
      yamldecode(helm_release.this[0].values[0]).awsPackage.install == false,
    ])
    error_message = "Whoever may write a Terraform object elsewhere would act with the runner's role."
  }

  assert {
    condition     = helm_release.this[0].namespace == "flux-system" && helm_release.this[0].version == var.chart_version
    error_message = "The exact version, beside Flux."
  }
}

run "runners_get_the_given_rights" {
  command = apply

  variables {
    runner_policies = {
      read = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\"],\"Resource\":\"arn:aws:s3:::b/k\"}]}"
    }
  }

  assert {
    condition     = yamldecode(helm_release.this[0].values[0]).runner.serviceAccount.annotations["eks.amazonaws.com/role-arn"] == output.runner_role_arn
    error_message = "The runners' service account must name the role."
  }
}

run "role_only" {
  command = plan

  variables {
    install_chart = false
  }

  assert {
    condition     = length(helm_release.this) == 0
    error_message = "install_chart = false installs no chart."
  }
}

run "refuses_wildcards_in_actions" {
  command = plan

  variables {
    runner_policies = {
      all = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ec2:*\",\"Resource\":\"*\"}]}"
    }
  }

  expect_failures = [var.runner_policies]
}

run "refuses_what_is_not_a_policy" {
  command = plan

  variables {
    runner_policies = { broken = "{}" }
  }

  expect_failures = [var.runner_policies]
}
