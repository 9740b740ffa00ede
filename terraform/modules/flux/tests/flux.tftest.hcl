mock_provider "helm" {}

mock_provider "kubernetes" {}

variables {
  git_url = "https://github.com/damekarv/helloworld-infrastructure"
  path    = "clusters/dev"
}

run "follows_the_environments_folder" {
  command = plan

  assert {
    condition = yamldecode(helm_release.instance[0].values[0]).sync == {
      url        = "https://github.com/damekarv/helloworld-infrastructure"
      ref        = "refs/heads/main"
      path       = "clusters/dev"
      interval   = "1m"
      pullSecret = null
    }
    error_message = "Flux follows main of the repository, in the environment's folder, every minute."
  }

  assert {
    condition     = yamldecode(helm_release.instance[0].values[0]).distribution == { version = "2.9.x", registry = "ghcr.io/fluxcd" }
    error_message = "Upstream's Flux of one minor version."
  }
}

run "operator_goes_after_the_instance" {
  command = plan

  assert {
    condition     = helm_release.instance[0].wait && helm_release.instance[0].timeout >= 900
    error_message = "Without waiting, the operator is removed before it has taken Flux away, and the namespace never ends."
  }

  assert {
    condition = (
      helm_release.operator[0].namespace == "flux-system"
      && helm_release.instance[0].namespace == "flux-system"
      && helm_release.operator[0].version == var.chart_version
    )
    error_message = "Both in flux-system, the operator in its exact version."
  }
}

run "has_no_open_status_page" {
  command = plan

  assert {
    condition     = yamldecode(helm_release.operator[0].values[0]).web.enabled == false
    error_message = "The status page has no log-in by default."
  }
}

run "private_repository" {
  command = plan

  variables {
    git_url     = "ssh://git@github.com/damekarv/helloworld-infrastructure"
    pull_secret = "git-credentials"
  }

  assert {
    condition     = yamldecode(helm_release.instance[0].values[0]).sync.pullSecret == "git-credentials"
    error_message = "The secret's name is handed on."
  }
}

run "nothing_without_charts" {
  command = plan

  variables {
    install_chart = false
  }

  assert {
    condition     = length(helm_release.operator) == 0 && length(helm_release.instance) == 0 && length(module.namespace) == 0
    error_message = "install_chart = false leaves the cluster alone."
  }
}

run "refuses_a_password_in_the_url" {
  command = plan

  variables {
    git_url = "https://user:secret@github.com/damekarv/helloworld-infrastructure"
  }

  expect_failures = [var.git_url]
}

run "refuses_a_path_out_of_the_repository" {
  command = plan

  variables {
    path = "../clusters"
  }

  expect_failures = [var.path]
}

run "refuses_a_branch_without_refs" {
  command = plan

  variables {
    git_ref = "main"
  }

  expect_failures = [var.git_ref]
}

run "refuses_flux_without_its_helm_controller" {
  command = plan

  variables {
    components = ["source-controller", "kustomize-controller"]
  }

  expect_failures = [var.components]
}
