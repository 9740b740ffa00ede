mock_provider "aws" {}

variables {
  name = "dev-helloworld"
}

run "runs_on_the_system_nodes" {
  command = plan

  assert {
    condition     = aws_eks_addon.this.addon_name == "metrics-server" && aws_eks_addon.this.cluster_name == "dev-helloworld"
    error_message = "The addon of the cluster."
  }

  assert {
    condition     = [for toleration in jsondecode(aws_eks_addon.this.configuration_values).tolerations : toleration.key] == ["CriticalAddonsOnly"]
    error_message = "EKS waits for its pods, and there are only system nodes yet."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.this.configuration_values).replicas == 2
    error_message = "One of two goes on while a node is replaced."
  }
}

run "refuses_a_version_that_is_not_eks" {
  command = plan

  variables {
    addon_version = "0.8.0"
  }

  expect_failures = [var.addon_version]
}

run "refuses_no_replicas" {
  command = plan

  variables {
    replicas = 0
  }

  expect_failures = [var.replicas]
}
