run "dev" {
  command = plan

  variables {
    environment = "dev"
  }

  assert {
    condition     = output.settings.name == "dev-helloworld" && output.settings.tags.Environment == "dev"
    error_message = "Names and tags of dev must be dev's."
  }

  assert {
    condition     = output.settings.vpc.single_nat_gateway && contains(output.settings.karpenter.capacity_types, "spot")
    error_message = "dev saves: one NAT gateway, spot."
  }

  assert {
    condition     = !output.settings.deletion_protection
    error_message = "dev can be torn down."
  }

  # What README.md ("Upgrades") adds to dev's row.
  assert {
    condition = (
      output.settings.kubernetes_version == try(local.environments.dev.kubernetes_version, local.common.kubernetes_version)
      && output.settings.karpenter.ami_alias == try(local.environments.dev.karpenter.ami_alias, local.common.karpenter.ami_alias)
      && output.settings.modules == merge(local.common.modules, try(local.environments.dev.modules, {}))
    )
    error_message = "What dev's row has of its own must win over what is the same in both."
  }

  assert {
    condition     = output.settings.permissions_boundary_name == "helloworld-boundary-dev" && output.settings.deploy_role_name == "helloworld-deploy-dev"
    error_message = "The names must be those that module github-oidc gives."
  }
}

run "prod" {
  command = plan

  variables {
    environment = "prod"
  }

  assert {
    condition     = output.settings.name == "prod-helloworld" && output.settings.tags.Environment == "prod"
    error_message = "Names and tags of prod must be prod's."
  }

  assert {
    condition     = !output.settings.vpc.single_nat_gateway && output.settings.karpenter.capacity_types == ["on-demand"]
    error_message = "prod has a NAT gateway in each zone and never runs on spot."
  }

  assert {
    condition     = output.settings.deletion_protection && output.settings.eks.system_node_group.min_size >= 3
    error_message = "prod is protected, and its system nodes outlive the loss of a zone."
  }

  assert {
    condition     = output.settings.vpc.cidr != run.dev.settings.vpc.cidr
    error_message = "Networks of environments may be joined one day: their ranges must differ."
  }

  assert {
    condition     = output.settings.kubernetes_version == local.common.kubernetes_version && output.settings.karpenter.ami_alias == local.common.karpenter.ami_alias
    error_message = "prod must run what dev has proved: the versions of both, never one of its own row."
  }

  assert {
    condition     = tonumber(split(".", output.settings.kubernetes_version)[1]) <= tonumber(split(".", run.dev.settings.kubernetes_version)[1])
    error_message = "An upgrade of Kubernetes goes through dev: prod must not be ahead of it."
  }
}

run "zones" {
  command = plan

  variables {
    environment = "dev"
  }

  assert {
    condition     = length(distinct(output.settings.vpc.zones)) == 3 && alltrue([for letter in output.settings.vpc.zones : can(regex("^[a-z]$", letter))])
    error_message = "zones are the letters of three zones: the region stands before them."
  }

  assert {
    condition     = output.settings.vpc == merge(local.common.vpc, local.environments.dev.vpc)
    error_message = "An environment in another region or account may have zones of its own, in its row."
  }
}

run "terraform_by_gitops_is_a_choice" {
  command = plan

  variables {
    environment = "prod"
  }

  assert {
    condition     = [for name, enabled in output.settings.modules : name if !enabled] == ["tofu_controller"]
    error_message = "All modules but tofu_controller are on by default."
  }
}

run "unknown_environment" {
  command = plan

  variables {
    environment = "staging"
  }

  expect_failures = [var.environment]
}
