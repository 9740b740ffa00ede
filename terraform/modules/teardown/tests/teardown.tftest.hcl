mock_provider "helm" {}

variables {
  kubernetes_version = "1.35"
}

run "takes_flux_away_first" {
  command = plan

  variables {
    flux = true
  }

  assert {
    condition     = yamldecode(helm_release.this.values[0]).flux == true && yamldecode(helm_release.this.values[0]).timeout == "600s"
    error_message = "The hook must end Flux' sync, or Flux brings back what is removed."
  }

  assert {
    condition     = helm_release.this.timeout > yamldecode(helm_release.this.values[0]).deadlineSeconds
    error_message = "Terraform must wait longer than the hook may take."
  }

  assert {
    condition     = helm_release.this.disable_webhooks == false
    error_message = "The release does its work in a hook."
  }

  assert {
    condition     = yamldecode(helm_release.this.values[0]).kubectlImage == "registry.k8s.io/kubectl:v${var.kubectl_version}"
    error_message = "kubectl in an exact version."
  }
}

run "without_flux" {
  command = plan

  variables {
    flux = false
  }

  assert {
    condition     = yamldecode(helm_release.this.values[0]).flux == false
    error_message = "Without Flux its kinds are unknown, and asking for them fails."
  }
}

run "refuses_steps_without_time" {
  command = plan

  variables {
    flux                 = true
    step_timeout_seconds = 10
  }

  expect_failures = [var.step_timeout_seconds]
}

run "takes_a_kubectl_of_the_next_minor_version" {
  command = plan

  variables {
    flux            = true
    kubectl_version = "1.36.0"
  }

  assert {
    condition     = yamldecode(helm_release.this.values[0]).kubectlImage == "registry.k8s.io/kubectl:v1.36.0"
    error_message = "One minor version ahead is what an upgrade goes through."
  }
}

run "refuses_a_kubectl_two_minor_versions_away" {
  command = plan

  variables {
    flux            = true
    kubectl_version = "1.37.0"
  }

  expect_failures = [helm_release.this]
}
