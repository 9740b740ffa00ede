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
  region              = "eu-west-1"
  environment         = "dev"
  public_access_cidrs = ["203.0.113.0/24"]
  ghcr_token          = "ghp_0123456789"
}

run "names_everything_after_the_environment" {
  command = apply

  assert {
    condition     = output.cluster_name == "dev-helloworld"
    error_message = "The cluster is dev-helloworld."
  }

  assert {
    condition     = output.configure_kubectl == "aws eks update-kubeconfig --name dev-helloworld --region eu-west-1"
    error_message = "The command for kubectl must name the cluster and the region."
  }

  assert {
    condition     = output.account_id == "111122223333" && output.region == "eu-west-1" && output.environment == "dev"
    error_message = "The outputs say where one is."
  }
}

run "dev_saves_money" {
  command = apply

  assert {
    condition     = length(output.nat_public_ips) == 1
    error_message = "dev has one NAT gateway."
  }

  assert {
    condition     = local.settings.karpenter.capacity_types == ["spot", "on-demand"]
    error_message = "dev's nodes are spot instances where there are some."
  }

  assert {
    condition     = local.replicas == 1
    error_message = "dev's controllers have one pod."
  }
}

run "has_the_modules_of_the_table" {
  command = apply

  assert {
    condition = output.modules == {
      eks                          = true
      karpenter                    = true
      ebs_csi_driver               = true
      metrics_server               = true
      aws_load_balancer_controller = true
      external_secrets             = true
      prometheus                   = true
      flagger                      = true
      flux                         = true
      ghcr_secret                  = true
      tofu_controller              = false
    }
    error_message = "All modules are on, but tofu_controller."
  }

  assert {
    condition = alltrue([
      length(module.eks) == 1,
      length(module.karpenter) == 1,
      length(module.ebs_csi_driver) == 1,
      length(module.metrics_server) == 1,
      length(module.aws_load_balancer_controller) == 1,
      length(module.external_secrets) == 1,
      length(module.prometheus) == 1,
      length(module.flagger) == 1,
      length(module.flux) == 1,
      length(module.ghcr_secret) == 1,
      length(module.tofu_controller) == 0,
      length(module.teardown) == 1,
      length(module.application_namespace) == 1,
    ])
    error_message = "What is on must be there, and nothing else."
  }

  assert {
    condition     = output.flux_path == "clusters/dev" && output.flux_git_ref == "refs/heads/main"
    error_message = "dev's cluster follows clusters/dev of main."
  }

  assert {
    condition     = output.prometheus_url == "http://kube-prometheus-stack-prometheus.monitoring:9090"
    error_message = "Prometheus has the address that the application's chart asks."
  }

  assert {
    condition     = module.flagger[0].loadtester_url == "http://flagger-loadtester.helloworld/"
    error_message = "The load tester is in the application's namespace."
  }

  assert {
    condition     = alltrue([for name, arn in output.role_arns : (arn == null) == (name == "tofu_runner")])
    error_message = "There is a role for each controller that speaks to AWS, and none for what is off."
  }
}

run "only_the_deploy_role_gets_in_by_itself" {
  command = apply

  assert {
    condition = (
      keys(local.access_entries) == ["deploy"]
      && local.access_entries.deploy.principal_arn == "arn:aws:iam::111122223333:role/helloworld-deploy-dev"
      && local.access_entries.deploy.policy == "AmazonEKSClusterAdminPolicy"
      && length(local.access_entries.deploy.namespaces) == 0
    )
    error_message = "dev's deploy role must be able to install charts, and nobody else gets in unless named."
  }

  assert {
    condition     = local.permissions_boundary_arn == "arn:aws:iam::111122223333:policy/helloworld-boundary-dev"
    error_message = "All roles carry dev's boundary: the deploy role may make no others."
  }
}

run "others_get_in_when_named" {
  command = apply

  variables {
    access_entries = {
      plan = {
        principal_arn = "arn:aws:iam::111122223333:role/helloworld-plan"
        policy        = "AmazonEKSAdminViewPolicy"
      }
    }
  }

  assert {
    condition     = keys(local.access_entries) == ["deploy", "plan"]
    error_message = "Named principals come in addition to the deploy role."
  }
}

run "takes_an_entry_of_the_table_without_namespaces" {
  command   = plan
  state_key = "table" # not against what the runs above have made

  # The table with an entry as terraform/README.md writes it, and the least beside.
  override_module {
    target = module.input
    outputs = {
      settings = {
        name                      = "dev-helloworld"
        kubernetes_version        = "1.35"
        deletion_protection       = false
        permissions_boundary_name = "helloworld-boundary-dev"
        deploy_role_name          = "helloworld-deploy-dev"
        tags                      = { Project = "helloworld", Environment = "dev", ManagedBy = "terraform" }
        vpc                       = { cidr = "10.10.0.0/16", zones = ["a", "b", "c"], single_nat_gateway = true, flow_log_retention_days = 14 }
        eks = {
          log_retention_days = 14
          system_node_group  = { instance_types = ["t3.large"], min_size = 2, max_size = 3, desired_size = 2 }
          access_entries = {
            me = { principal_arn = "arn:aws:iam::111122223333:role/me", policy = "AmazonEKSClusterAdminPolicy" }
          }
        }
        modules = {
          karpenter                    = false
          ebs_csi_driver               = false
          metrics_server               = false
          aws_load_balancer_controller = false
          external_secrets             = false
          prometheus                   = false
          flagger                      = false
          flux                         = false
          ghcr_secret                  = false
          tofu_controller              = false
        }
      }
    }
  }

  assert {
    condition     = keys(local.access_entries) == ["deploy", "me"]
    error_message = "Principals of the table come in addition to the deploy role."
  }
}
