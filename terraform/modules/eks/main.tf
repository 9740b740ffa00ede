data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  oidc_issuer = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
}

data "aws_subnet" "this" {
  count = length(var.subnet_ids)

  id = var.subnet_ids[count.index]
}

resource "aws_eks_cluster" "this" {
  name                          = var.name
  version                       = var.kubernetes_version
  role_arn                      = aws_iam_role.cluster.arn
  bootstrap_self_managed_addons = false # they come as EKS addons, which are upgraded
  deletion_protection           = var.deletion_protection
  enabled_cluster_log_types     = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  tags                          = var.tags

  access_config {
    authentication_mode = "API"
    # Whoever runs the first apply would stay an administrator for ever, invisible in this code.
    bootstrap_cluster_creator_admin_permissions = false
  }

  vpc_config {
    subnet_ids              = var.subnet_ids
    security_group_ids      = [aws_security_group.api.id] # beside EKS' own
    endpoint_private_access = true
    endpoint_public_access  = length(var.public_access_cidrs) > 0
    public_access_cidrs     = length(var.public_access_cidrs) > 0 ? var.public_access_cidrs : null
  }

  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = aws_kms_key.this.arn
    }
  }

  upgrade_policy {
    support_type = var.support_type
  }

  lifecycle {
    precondition {
      condition     = alltrue([for subnet in data.aws_subnet.this : subnet.vpc_id == var.vpc_id])
      error_message = "subnet_ids holds a subnet of another VPC than ${var.vpc_id}."
    }
    precondition {
      condition     = alltrue([for subnet in data.aws_subnet.this : !subnet.map_public_ip_on_launch])
      error_message = "subnet_ids holds a subnet that gives public addresses: nodes live in private subnets only."
    }
  }

  # Without its role's policies EKS can't clean up on deletion; without the log group it would make one that never expires; without the
  # rule whoever destroys this from inside the VPC would lose the API at once.
  depends_on = [
    aws_iam_role_policy_attachment.cluster,
    aws_iam_role_policy.cluster_encryption,
    aws_cloudwatch_log_group.this,
    aws_vpc_security_group_ingress_rule.api_https,
  ]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.this.arn
  tags              = var.tags
}

# For IRSA. No thumbprint: IAM trusts the certificate authorities of EKS' issuers.
resource "aws_iam_openid_connect_provider" "this" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
  tags           = merge(var.tags, { Name = var.name })
}

# EKS' own group doesn't get the cluster's tags, and what lacks the tag Environment is not closed to other environments' roles.
resource "aws_ec2_tag" "cluster_security_group" {
  for_each = { for key, value in var.tags : key => value if var.tag_cluster_security_group }

  resource_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  key         = each.key
  value       = each.value
}

# The group that EKS makes is the only one with this tag: two would make the load balancer controller fail on Karpenter's nodes.
resource "aws_ec2_tag" "karpenter_discovery" {
  count = var.tag_cluster_security_group ? 1 : 0

  resource_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  key         = "karpenter.sh/discovery"
  value       = var.name
}
