locals {
  # From a resource and not from data sources: under a depends_on those are unknown whenever the cluster changes, and an attachment whose
  # ARN is unknown would be replaced.
  queue     = split(":", aws_sqs_queue.interruption.arn)
  partition = local.queue[1]
  region    = local.queue[3]
  account   = local.queue[4]

  namespace       = "kube-system"
  service_account = "karpenter"
}

module "irsa" {
  source = "../irsa"

  name                     = "${var.name}-karpenter"
  oidc_provider_arn        = var.oidc_provider_arn
  oidc_issuer              = var.oidc_issuer
  namespace                = local.namespace
  service_account          = local.service_account
  policies                 = { for name, policy in local.controller_policies : name => jsonencode(policy) }
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

# AWS makes it on the first spot request only if the caller may, and Karpenter may not.
resource "aws_iam_service_linked_role" "spot" {
  count = var.create_spot_service_linked_role ? 1 : 0

  aws_service_name = "spot.amazonaws.com"
}
