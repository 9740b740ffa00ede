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
  region            = "eu-west-1"
  vpc_id            = "vpc-1"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  oidc_issuer       = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  tags              = { Environment = "dev" }
}

run "policy_is_upstreams" {
  command = plan

  assert {
    condition     = jsondecode(local.policy) == jsondecode(file("policies/iam-policy-${var.chart_version}.json"))
    error_message = "The policy must be upstream's, of the chart's version."
  }

  assert {
    condition     = filesha256("policies/iam-policy-${var.chart_version}.json") == "16f232c9d9f79366fe949c4550ad517a202380058a9e48d45a4e215044a20a6a"
    error_message = "The policy was edited: upstream's file of v3.5.0 has another checksum."
  }

  assert {
    condition     = length(local.policy) <= 6144
    error_message = "IAM takes 6,144 characters in a managed policy."
  }

  assert {
    condition     = alltrue([for action in flatten(jsondecode(local.policy).Statement[*].Action) : !strcontains(action, "*")])
    error_message = "No wildcards in actions."
  }

  # README.md argues each of these; a new one must be argued too.
  assert {
    condition = (
      length([for statement in jsondecode(local.policy).Statement : statement if try(contains(flatten([statement.Resource]), "*"), false)]) == 10
      && length([for statement in jsondecode(local.policy).Statement : statement if try(contains(flatten([statement.Resource]), "*"), false) && !can(statement.Condition)]) == 6
    )
    error_message = "README.md argues ten statements for all resources, six of them without a condition; these are others."
  }
}

run "role_is_for_the_controller_alone" {
  command = apply

  assert {
    condition     = output.role_arn == "arn:aws:iam::111122223333:role/mocked"
    error_message = "The module gives the controller's role."
  }

  assert {
    condition     = yamldecode(helm_release.this[0].values[0]).serviceAccount == { name = "aws-load-balancer-controller", annotations = { "eks.amazonaws.com/role-arn" = "arn:aws:iam::111122223333:role/mocked" } }
    error_message = "The service account of the trust policy must be the chart's, with the role."
  }
}

run "knows_where_it_is" {
  command = apply

  assert {
    condition = alltrue([
      yamldecode(helm_release.this[0].values[0]).clusterName == "dev-helloworld",
      yamldecode(helm_release.this[0].values[0]).region == "eu-west-1",
      yamldecode(helm_release.this[0].values[0]).vpcId == "vpc-1",
      yamldecode(helm_release.this[0].values[0]).defaultTags == { Environment = "dev" },
    ])
    error_message = "Without region and VPC it would ask the instance metadata, which pods can't reach."
  }

  assert {
    condition     = yamldecode(helm_release.this[0].values[0]).enableServiceMutatorWebhook == false
    error_message = "With this webhook no Service can be made while the controller is down."
  }

  assert {
    condition     = helm_release.this[0].version == var.chart_version && helm_release.this[0].namespace == "kube-system"
    error_message = "The chart's exact version, in kube-system."
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

run "refuses_a_version_without_its_policy" {
  command = plan

  variables {
    chart_version = "3.6.0"
  }

  expect_failures = [var.chart_version]
}
