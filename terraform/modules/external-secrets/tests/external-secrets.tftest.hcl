mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mocked" }
  }
}

mock_provider "helm" {}

mock_provider "kubernetes" {}

variables {
  name              = "dev-helloworld"
  region            = "eu-west-1"
  account_id        = "111122223333"
  vpc_cidr          = "10.10.0.0/16"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  oidc_issuer       = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  secret_prefix     = "dev-helloworld/"
  store_namespaces  = ["helloworld"]
}

run "reads_only_the_environments_secrets" {
  command = plan

  assert {
    condition = local.read.Statement == [{
      Sid    = "ReadOwnSecrets"
      Effect = "Allow"
      Action = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
      ]
      Resource = ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:dev-helloworld/*"]
    }]
    error_message = "The role may read the secrets with the environment's prefix, and do nothing else."
  }
}

run "decrypts_with_named_keys_only" {
  command = plan

  variables {
    kms_key_arns = ["arn:aws:kms:eu-west-1:111122223333:key/1234"]
  }

  assert {
    condition = (
      local.read.Statement[1].Action == ["kms:Decrypt"]
      && local.read.Statement[1].Resource == tolist(["arn:aws:kms:eu-west-1:111122223333:key/1234"])
      && local.read.Statement[1].Condition.StringEquals["kms:ViaService"] == ["secretsmanager.eu-west-1.amazonaws.com"]
    )
    error_message = "Named keys only, and only through Secrets Manager."
  }
}

run "store_is_for_the_application_alone" {
  command = apply

  assert {
    condition     = yamldecode(helm_release.store[0].values[0]).namespaces == ["helloworld"]
    error_message = "Only the named namespaces may use the store."
  }

  assert {
    condition     = yamldecode(helm_release.this[0].values[0]).serviceAccount.annotations["eks.amazonaws.com/role-arn"] == output.role_arn
    error_message = "The controller's service account must have the role."
  }

  assert {
    condition = alltrue([
      yamldecode(helm_release.this[0].values[0]).processPushSecret == false,
      yamldecode(helm_release.this[0].values[0]).processClusterExternalSecret == false,
      yamldecode(helm_release.this[0].values[0]).rbac.serviceAccountTokenCreate == false,
    ])
    error_message = "What isn't used gets no rights."
  }
}

run "several_replicas_elect_a_leader" {
  command = apply

  variables {
    replicas = 2
  }

  assert {
    condition = (
      yamldecode(helm_release.this[0].values[0]).leaderElect == true
      && yamldecode(helm_release.this[0].values[0]).webhook.replicaCount == 2
      && yamldecode(helm_release.this[0].values[0]).podDisruptionBudget.enabled == true
    )
    error_message = "Two controllers without an elected leader would work against each other."
  }
}

run "role_only" {
  command = plan

  variables {
    install_chart = false
  }

  assert {
    condition     = length(helm_release.this) == 0 && length(helm_release.store) == 0 && length(module.namespace) == 0
    error_message = "install_chart = false leaves the cluster alone."
  }
}

run "refuses_a_prefix_that_matches_others" {
  command = plan

  variables {
    secret_prefix = "dev"
  }

  expect_failures = [var.secret_prefix]
}

run "refuses_a_wildcard_prefix" {
  command = plan

  variables {
    secret_prefix = "*/"
  }

  expect_failures = [var.secret_prefix]
}

run "refuses_a_store_for_everyone" {
  command = plan

  variables {
    store_namespaces = []
  }

  expect_failures = [var.store_namespaces]
}
