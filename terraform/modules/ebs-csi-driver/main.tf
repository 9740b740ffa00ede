locals {
  namespace       = "kube-system"
  service_account = "ebs-csi-controller-sa"

  # Volumes carry them, so that costs and rights by tag hold for what Kubernetes makes too.
  configuration = {
    controller = {
      extraVolumeTags = var.tags
      tolerations     = [{ key = "CriticalAddonsOnly", operator = "Exists" }]
    }
  }
}

module "irsa" {
  source = "../irsa"

  name              = "${var.name}-ebs-csi-driver"
  oidc_provider_arn = var.oidc_provider_arn
  oidc_issuer       = var.oidc_issuer
  namespace         = local.namespace
  service_account   = local.service_account

  # AWS' own: it acts on volumes and snapshots with the driver's tags only, and follows the driver's releases.
  managed_policy_arns = { driver = "arn:${var.partition}:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy" }

  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

resource "aws_eks_addon" "this" {
  cluster_name             = var.name
  addon_name               = "aws-ebs-csi-driver"
  addon_version            = var.addon_version
  service_account_role_arn = module.irsa.role_arn
  configuration_values     = jsonencode(local.configuration)

  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  tags = var.tags
}

resource "helm_release" "storage_class" {
  count = var.install_chart ? 1 : 0

  name      = "storage-class-gp3"
  namespace = local.namespace
  chart     = "${path.module}/charts/storage-class"
  values    = [yamlencode({ kubectlImage = "registry.k8s.io/kubectl:v${var.kubectl_version}" })]

  atomic      = true
  max_history = 5
  timeout     = 600

  lifecycle {
    # Not a validation, which would stop a destroy too: the hook there is the one that was installed.
    precondition {
      condition     = abs(tonumber(split(".", var.kubectl_version)[1]) - tonumber(split(".", var.kubernetes_version)[1])) <= 1
      error_message = "kubectl_version ${var.kubectl_version} is not within one minor version of the cluster's ${var.kubernetes_version}, and kubectl works with no other. Raise the one that is behind: kubectl_version of this module, or kubernetes_version in terraform/main.tf."
    }
  }

  depends_on = [aws_eks_addon.this]
}
