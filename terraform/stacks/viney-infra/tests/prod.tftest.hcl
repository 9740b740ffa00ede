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
  outputs = { name = "prod" }
}

variables {
  environment         = "prod"
  public_access_cidrs = ["203.0.113.0/24"]
  ghcr_token          = "ghp_0123456789"
}

run "names_everything_after_the_environment" {
  command = apply

  assert {
    condition     = output.cluster_name == "prod-helloworld" && output.flux_path == "clusters/prod"
    error_message = "The cluster is prod-helloworld, and follows clusters/prod."
  }

  assert {
    condition     = output.flux_git_ref == "refs/heads/prod"
    error_message = "prod gets what was promoted, and not what is on main."
  }

  assert {
    condition     = local.access_entries.deploy.principal_arn == "arn:aws:iam::111122223333:role/helloworld-deploy-prod"
    error_message = "prod's own deploy role, not dev's."
  }

  assert {
    condition     = local.permissions_boundary_arn == "arn:aws:iam::111122223333:policy/helloworld-boundary-prod"
    error_message = "All roles carry prod's boundary."
  }
}

run "prod_survives" {
  command = apply

  assert {
    condition     = length(output.nat_public_ips) == 3
    error_message = "prod has a NAT gateway in each zone."
  }

  assert {
    condition     = local.settings.karpenter.capacity_types == ["on-demand"]
    error_message = "prod's nodes are not taken away by AWS."
  }

  assert {
    condition     = local.replicas == 2 && local.settings.prometheus.replicas == 2
    error_message = "prod's controllers have a pod that stands by."
  }

  assert {
    condition     = local.settings.deletion_protection == true
    error_message = "prod's cluster is protected against deletion."
  }
}

run "shares_no_addresses_with_dev" {
  command = apply

  assert {
    condition     = local.settings.vpc.cidr == "10.20.0.0/16" && module.vpc.cidr == "10.20.0.0/16"
    error_message = "The networks of dev and prod may be connected one day: their addresses differ."
  }
}
