locals {
  namespace       = "kube-system"
  service_account = "aws-load-balancer-controller"

  # By the chart's version: a new chart without its own policy beside it fails in the plan, not in production.
  # Upstream's text as it is; jsonencode only removes the spaces, which count against IAM's 6,144 characters otherwise.
  policy = jsonencode(jsondecode(file("${path.module}/policies/iam-policy-${var.chart_version}.json")))

  values = {
    clusterName = var.name
    # Both given: nodes let pods reach no instance metadata (hop limit 1), where the controller would look otherwise.
    region = var.region
    vpcId  = var.vpc_id

    replicaCount        = var.replicas
    podDisruptionBudget = { maxUnavailable = 1 }
    tolerations         = [{ key = "CriticalAddonsOnly", operator = "Exists" }]
    resources = {
      requests = { cpu = "50m", memory = "128Mi" }
      limits   = { memory = "256Mi" }
    }

    serviceAccount = {
      name        = local.service_account
      annotations = { "eks.amazonaws.com/role-arn" = module.irsa.role_arn }
    }

    defaultTargetType = "ip" # pods have addresses of the VPC: one hop less, and no NodePort needed
    defaultTags       = var.tags

    # While the controller is down this webhook would stop every new Service of the cluster, its own chart's among them.
    enableServiceMutatorWebhook = false
    # Otherwise each upgrade makes a new certificate that pods which still run don't have.
    keepTLSSecret = true

    # Not used here; with them on, the controller asks these services about each load balancer.
    enableShield = false
    enableWaf    = false
    enableWafv2  = false
  }
}

module "irsa" {
  source = "../irsa"

  name              = "${var.name}-load-balancer-controller"
  oidc_provider_arn = var.oidc_provider_arn
  oidc_issuer       = var.oidc_issuer
  namespace         = local.namespace
  service_account   = local.service_account

  policies = { controller = local.policy }

  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

resource "helm_release" "this" {
  count = var.install_chart ? 1 : 0

  name       = "aws-load-balancer-controller"
  namespace  = local.namespace
  repository = "https://aws.github.io/eks-charts"
  chart      = "aws-load-balancer-controller"
  version    = var.chart_version
  values     = [yamlencode(local.values)]

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600
}
