locals {
  cluster_trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "eks.amazonaws.com" }
    }]
  }

  cluster_encryption_policy = {
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"]
      Resource = aws_kms_key.this.arn
    }]
  }

  node_trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  }

  # Not AmazonEKS_CNI_Policy: every pod that reaches the node's credentials could rewire its network. The CNI has a role of its own.
  node_policies = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonSSMManagedInstanceCore"]
}

resource "aws_iam_role" "cluster" {
  name                 = "${var.name}-cluster"
  description          = "Control plane of ${var.name}"
  assume_role_policy   = jsonencode(local.cluster_trust)
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role_policy" "cluster_encryption" {
  name   = "encryption"
  role   = aws_iam_role.cluster.id
  policy = jsonencode(local.cluster_encryption_policy)
}

resource "aws_iam_role" "node" {
  name                 = "${var.name}-system-node"
  description          = "System nodes of ${var.name}"
  assume_role_policy   = jsonencode(local.node_trust)
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(local.node_policies)

  role       = aws_iam_role.node.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.key}"
}

module "vpc_cni_role" {
  source = "../irsa"

  name                     = "${var.name}-vpc-cni"
  oidc_provider_arn        = aws_iam_openid_connect_provider.this.arn
  oidc_issuer              = local.oidc_issuer
  namespace                = "kube-system"
  service_account          = "aws-node"
  managed_policy_arns      = { cni = "arn:${local.partition}:iam::aws:policy/AmazonEKS_CNI_Policy" }
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}
