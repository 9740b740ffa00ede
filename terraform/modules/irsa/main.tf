locals {
  # Exactly one service account of exactly one cluster, and only tokens that were made for AWS STS.
  trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "${var.oidc_issuer}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
          "${var.oidc_issuer}:aud" = "sts.amazonaws.com"
        }
      }
    }]
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Service account ${var.namespace}/${var.service_account}"
  assume_role_policy   = jsonencode(local.trust)
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_policy" "this" {
  for_each = var.policies

  name        = "${var.name}-${each.key}"
  description = "${each.key} of role ${var.name}"
  policy      = each.value
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "own" {
  for_each = aws_iam_policy.this

  role       = aws_iam_role.this.name
  policy_arn = each.value.arn
}

resource "aws_iam_role_policy_attachment" "managed" {
  for_each = var.managed_policy_arns

  role       = aws_iam_role.this.name
  policy_arn = each.value
}
