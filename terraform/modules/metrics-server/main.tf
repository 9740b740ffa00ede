locals {
  configuration = {
    replicas = var.replicas
    # On the system nodes: EKS waits until its pods are Ready, and Karpenter's nodes come only later.
    tolerations = [{ key = "CriticalAddonsOnly", operator = "Exists" }]
  }
}

resource "aws_eks_addon" "this" {
  cluster_name         = var.name
  addon_name           = "metrics-server"
  addon_version        = var.addon_version
  configuration_values = jsonencode(local.configuration)

  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  tags = var.tags
}
