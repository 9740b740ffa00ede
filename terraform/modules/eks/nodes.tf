# The provider's default tags don't reach what a launch template starts: costs and the deploy role's rights hang on them.
data "aws_default_tags" "current" {}

locals {
  instance_tags = merge(data.aws_default_tags.current.tags, var.tags, { Name = "${var.name}-system" })
}

resource "aws_launch_template" "system" {
  name_prefix            = "${var.name}-system-"
  description            = "System nodes of ${var.name}"
  update_default_version = true
  tags                   = var.tags

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # pods are one hop further: they get no credentials of the node
    instance_metadata_tags      = "disabled"
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.system_node_group.disk_size
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume", "network-interface"])

    content {
      resource_type = tag_specifications.value
      tags          = local.instance_tags
    }
  }
}

resource "aws_eks_node_group" "system" {
  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "system-" # a change that can't be made in place starts the new group before the old one ends
  node_role_arn          = aws_iam_role.node.arn
  subnet_ids             = var.subnet_ids
  version                = var.kubernetes_version
  release_version        = var.system_node_group.release_version
  ami_type               = var.system_node_group.ami_type
  capacity_type          = var.system_node_group.capacity_type
  instance_types         = var.system_node_group.instance_types
  tags                   = var.tags

  labels = {
    "karpenter.sh/controller" = "true"
  }

  # Controllers tolerate it; applications don't, and so land on Karpenter's nodes.
  taint {
    key    = "CriticalAddonsOnly"
    value  = "true"
    effect = "NO_SCHEDULE"
  }

  scaling_config {
    min_size     = var.system_node_group.min_size
    max_size     = var.system_node_group.max_size
    desired_size = var.system_node_group.desired_size
  }

  update_config {
    max_unavailable = 1
  }

  launch_template {
    id      = aws_launch_template.system.id
    version = aws_launch_template.system.latest_version
  }

  lifecycle {
    create_before_destroy = true
  }

  # Nodes need their rights to join, the network before their first pod, and their rights until the last one is gone.
  depends_on = [aws_iam_role_policy_attachment.node, aws_eks_addon.before_nodes]
}
