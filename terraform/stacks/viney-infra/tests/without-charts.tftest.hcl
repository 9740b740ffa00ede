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

# Not simulated, and with no cluster to ask: any call would fail.
provider "helm" {}

provider "kubernetes" {
  host = "https://127.0.0.1:1"
}

override_module {
  target  = module.workspace
  outputs = { name = "dev" }
}

variables {
  environment    = "dev"
  install_charts = false
  ghcr_token     = "unused" # terraform test wants an ephemeral variable to be set
}

run "asks_the_cluster_nothing" {
  command = apply

  assert {
    condition     = !output.charts_installed && length(module.teardown) == 0 && length(module.ghcr_secret) == 0 && length(module.application_namespace) == 0
    error_message = "Nothing of it may need the cluster's API."
  }
}

run "makes_what_the_charts_need" {
  command = apply

  assert {
    condition = alltrue([
      for name in ["karpenter", "karpenter_nodes", "ebs_csi_driver", "load_balancer_controller", "external_secrets"] :
      output.role_arns[name] != null
    ])
    error_message = "GitOps installs the charts, and needs the roles for it."
  }

  assert {
    condition     = output.karpenter_queue_name == "dev-helloworld-karpenter"
    error_message = "GitOps installs Karpenter, and needs the queue's name for it."
  }
}

# What a simulator of AWS doesn't know.
run "without_addons_and_access_entries" {
  command = apply

  variables {
    create_access_entries = false
    cluster_addons        = {}
    modules               = { ebs_csi_driver = false, metrics_server = false }
  }

  assert {
    condition     = length(module.eks) == 1 && length(module.karpenter) == 1
    error_message = "Everything else is made."
  }
}
