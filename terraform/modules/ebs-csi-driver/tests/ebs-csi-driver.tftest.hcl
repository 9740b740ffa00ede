mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mocked" }
  }
}

mock_provider "helm" {}

variables {
  name               = "dev-helloworld"
  kubernetes_version = "1.35"
  oidc_provider_arn  = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  oidc_issuer        = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  tags               = { Environment = "dev" }
}

run "driver_has_a_role_of_its_own" {
  command = apply

  assert {
    condition     = aws_eks_addon.this.addon_name == "aws-ebs-csi-driver" && aws_eks_addon.this.service_account_role_arn == output.role_arn
    error_message = "The addon must use the role."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.this.configuration_values).controller.extraVolumeTags == { Environment = "dev" }
    error_message = "Volumes must carry the environment's tags."
  }

  assert {
    condition     = [for toleration in jsondecode(aws_eks_addon.this.configuration_values).controller.tolerations : toleration.key] == ["CriticalAddonsOnly"]
    error_message = "The controller must run on the system nodes."
  }
}

run "storage_class_needs_the_cluster" {
  command = plan

  variables {
    install_chart = false
  }

  assert {
    condition     = length(helm_release.storage_class) == 0 && output.storage_class == "gp3"
    error_message = "install_chart = false leaves the cluster alone."
  }
}

run "waits_for_volumes_with_an_exact_kubectl" {
  command = plan

  assert {
    condition     = yamldecode(helm_release.storage_class[0].values[0]).kubectlImage == "registry.k8s.io/kubectl:v${var.kubectl_version}"
    error_message = "The hook needs kubectl in an exact version."
  }
}

run "refuses_a_version_that_is_not_eks" {
  command = plan

  variables {
    addon_version = "1.50.1"
  }

  expect_failures = [var.addon_version]
}

run "takes_a_kubectl_of_the_next_minor_version" {
  command = plan

  variables {
    kubectl_version = "1.36.0"
  }

  assert {
    condition     = yamldecode(helm_release.storage_class[0].values[0]).kubectlImage == "registry.k8s.io/kubectl:v1.36.0"
    error_message = "One minor version ahead is what an upgrade goes through."
  }
}

run "refuses_a_kubectl_two_minor_versions_away" {
  command = plan

  variables {
    kubectl_version = "1.37.0"
  }

  expect_failures = [helm_release.storage_class]
}
