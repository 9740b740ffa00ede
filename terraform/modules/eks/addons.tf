locals {
  # DaemonSets: active without nodes, and needed by the first one. All others wait for nodes to run on.
  addons_before_nodes = { for name, version in var.addons : name => version if contains(["vpc-cni", "kube-proxy", "eks-pod-identity-agent"], name) }
  addons_after_nodes  = { for name, version in var.addons : name => version if !contains(keys(local.addons_before_nodes), name) }

  # Without the agent, Kubernetes takes network policies and nothing enforces them.
  addon_configuration = {
    "vpc-cni" = jsonencode({ enableNetworkPolicy = "true" })
  }

  addon_roles = {
    "vpc-cni" = module.vpc_cni_role.role_arn
  }
}

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_before_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value # null: EKS' default when it is made, and then what there is
  configuration_values        = try(local.addon_configuration[each.key], null)
  service_account_role_arn    = try(local.addon_roles[each.key], null)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  tags                        = var.tags
}

resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_after_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  tags                        = var.tags

  depends_on = [aws_eks_node_group.system]
}
