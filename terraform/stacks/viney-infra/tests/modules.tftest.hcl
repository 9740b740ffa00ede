# AWS, the cluster and Helm are simulated. The log-in to the cluster is the real provider's, which signs its token without asking
# anybody; its keys are made up.
mock_provider "aws" {
  source = "./tests/aws"
}

provider "aws" {
  alias                       = "cluster_login"
  region                      = "eu-west-1"
  access_key                  = "made-up"
  secret_key                  = "made-up"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

mock_provider "helm" {}

mock_provider "kubernetes" {}

override_module {
  target  = module.workspace
  outputs = { name = "dev" }
}

variables {
  environment = "dev"
  ghcr_token  = "ghp_0123456789"
}

run "without_karpenter" {
  command = apply

  variables {
    modules = { karpenter = false, prometheus = false, flagger = false }
  }

  assert {
    condition     = length(module.karpenter) == 0 && length(module.flux) == 1 && length(module.eks) == 1
    error_message = "Only karpenter, and what needs its nodes, is gone."
  }
}

run "without_volumes" {
  command = apply

  variables {
    modules = { ebs_csi_driver = false }
  }

  assert {
    condition     = length(module.ebs_csi_driver) == 0 && length(module.prometheus) == 1
    error_message = "Prometheus does without volumes."
  }
}

run "without_metrics_server" {
  command = apply

  variables {
    modules = { metrics_server = false }
  }

  assert {
    condition     = length(module.metrics_server) == 0 && length(module.karpenter) == 1
    error_message = "Only the metrics server is gone."
  }
}

run "without_load_balancer_controller" {
  command = apply

  variables {
    modules = { aws_load_balancer_controller = false }
  }

  assert {
    condition     = length(module.aws_load_balancer_controller) == 0 && output.role_arns.load_balancer_controller == null
    error_message = "Controller and role are gone."
  }
}

run "without_external_secrets" {
  command = apply

  variables {
    modules = { external_secrets = false }
  }

  assert {
    condition     = length(module.external_secrets) == 0 && output.role_arns.external_secrets == null
    error_message = "Operator and role are gone."
  }
}

run "without_flagger_and_prometheus" {
  command = apply

  variables {
    modules = { flagger = false, prometheus = false }
  }

  assert {
    condition     = length(module.flagger) == 0 && length(module.prometheus) == 0 && output.prometheus_url == null
    error_message = "Both are gone."
  }

  assert {
    condition     = length(module.application_namespace) == 1
    error_message = "The pull secret still needs the namespace."
  }
}

run "without_flux" {
  command = apply

  variables {
    modules = { flux = false }
  }

  assert {
    condition     = length(module.flux) == 0 && length(module.teardown) == 1 && output.flux_path == null
    error_message = "Load balancers must be removed without Flux too."
  }
}

run "without_pull_secret" {
  command = apply

  variables {
    modules = { ghcr_secret = false }
  }

  assert {
    condition     = length(module.ghcr_secret) == 0
    error_message = "The secret comes from elsewhere."
  }
}

run "without_namespace_where_nothing_needs_it" {
  command = apply

  variables {
    modules = { ghcr_secret = false, flagger = false }
  }

  assert {
    condition     = length(module.application_namespace) == 0
    error_message = "Then Flux makes the namespace from clusters/dev."
  }
}

run "with_tofu_controller" {
  command = apply

  variables {
    modules = { tofu_controller = true }
    tofu_runner_policies = {
      read = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\"],\"Resource\":\"arn:aws:s3:::b/k\"}]}"
    }
  }

  assert {
    condition     = length(module.tofu_controller) == 1 && output.role_arns.tofu_runner != null
    error_message = "It is there, with a role for its runners."
  }
}

run "without_cluster_there_is_only_the_network" {
  command = apply

  variables {
    modules = { eks = false }
  }

  assert {
    condition     = length(module.eks) == 0 && alltrue([for name, on in output.modules : !on]) && length(module.teardown) == 0 && length(module.application_namespace) == 0
    error_message = "Everything lives in the cluster."
  }

  assert {
    condition     = output.vpc_id != null && output.cluster_name == null && output.configure_kubectl == null && !output.charts_installed
    error_message = "The network is there, and the outputs say that there is no cluster."
  }
}

run "refuses_modules_without_a_cluster" {
  command = plan

  variables {
    modules = { eks = false, flux = true }
  }

  expect_failures = [var.modules]
}

run "refuses_flagger_without_prometheus" {
  command = plan

  variables {
    modules = { prometheus = false }
  }

  expect_failures = [output.modules]
}

run "refuses_tofu_controller_without_flux" {
  command = plan

  variables {
    modules = { tofu_controller = true, flux = false }
  }

  expect_failures = [output.modules]
}

run "refuses_prometheus_without_nodes" {
  command = plan

  variables {
    modules = { karpenter = false }
  }

  expect_failures = [output.modules]
}
