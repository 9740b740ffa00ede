mock_provider "aws" {
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mock" }
  }
}

variables {
  name              = "dev-helloworld-example"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  oidc_issuer       = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  namespace         = "example"
  service_account   = "example-controller"
  policies = {
    read = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::b/k\"}]}"
  }
}

run "trusts_exactly_one_service_account" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub" = "system:serviceaccount:example:example-controller"
          "oidc.eks.eu-west-1.amazonaws.com/id/ABC:aud" = "sts.amazonaws.com"
        }
      }
    }]
    error_message = "The trust policy must name one service account and the audience, with StringEquals and nothing else."
  }
}

run "policies_are_named_after_the_role" {
  command = apply

  variables {
    managed_policy_arns = { cni = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy" }
  }

  assert {
    condition     = aws_iam_policy.this["read"].name == "dev-helloworld-example-read"
    error_message = "A policy's name begins with the role's: the deploy role may only make such."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.own["read"].policy_arn == aws_iam_policy.this["read"].arn
    error_message = "The role must get its own policy."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.managed["cni"].policy_arn == "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
    error_message = "The role must get the managed policy."
  }
}

run "carries_the_boundary" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/helloworld-boundary-dev"
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/helloworld-boundary-dev"
    error_message = "The role must carry the permissions boundary."
  }
}

run "refuses_wildcard_service_account" {
  command = plan

  variables {
    service_account = "*"
  }

  expect_failures = [var.service_account]
}

run "refuses_wildcard_namespace" {
  command = plan

  variables {
    namespace = "kube-*"
  }

  expect_failures = [var.namespace]
}

run "refuses_issuer_with_scheme" {
  command = plan

  variables {
    oidc_issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  }

  expect_failures = [var.oidc_issuer]
}

run "refuses_what_is_not_a_policy" {
  command = plan

  variables {
    policies = { broken = "{}" }
  }

  expect_failures = [var.policies]
}
