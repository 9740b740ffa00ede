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

variables {
  environment = "dev"
  modules     = { eks = false }
}

run "dev_in_its_workspace" {
  command = plan

  override_module {
    target  = module.workspace
    outputs = { name = "dev" }
  }
}

run "refuses_dev_in_prods_workspace" {
  command = plan

  override_module {
    target  = module.workspace
    outputs = { name = "prod" }
  }

  expect_failures = [var.environment]
}

run "refuses_prod_in_devs_workspace" {
  command = plan

  variables {
    environment = "prod"
  }

  override_module {
    target  = module.workspace
    outputs = { name = "dev" }
  }

  expect_failures = [var.environment]
}

run "refuses_the_default_workspace" {
  command = plan

  override_module {
    target  = module.workspace
    outputs = { name = "default" }
  }

  expect_failures = [var.environment]
}

run "refuses_an_environment_that_is_none" {
  command = plan

  variables {
    environment = "staging"
  }

  override_module {
    target  = module.workspace
    outputs = { name = "staging" }
  }

  expect_failures = [var.environment]
}

run "refuses_an_account_that_is_none" {
  command = plan

  variables {
    account_id = "1111"
  }

  override_module {
    target  = module.workspace
    outputs = { name = "dev" }
  }

  expect_failures = [var.account_id]
}

run "refuses_a_region_that_is_none" {
  command = plan

  variables {
    region = "Ireland"
  }

  override_module {
    target  = module.workspace
    outputs = { name = "dev" }
  }

  expect_failures = [var.region]
}
