locals {
  namespace       = "flux-system" # it reads Flux' sources, and its events go to Flux' notification controller
  service_account = "tf-runner"

  values = {
    tolerations = [{ key = "CriticalAddonsOnly", operator = "Exists" }]

    # Only Terraform objects beside Flux: whoever may write one in another namespace would act with the runner's role.
    watchAllNamespaces      = false
    allowCrossNamespaceRefs = false
    allowBreakTheGlass      = false
    concurrency             = var.concurrency

    awsPackage = { install = false } # modules of others

    runner = {
      serviceAccount = {
        name              = local.service_account
        allowedNamespaces = [local.namespace]
        annotations       = local.annotations
      }
    }
  }

  with_role   = length(var.runner_policies) > 0
  annotations = local.with_role ? { "eks.amazonaws.com/role-arn" = module.irsa[0].role_arn } : {}
}

module "irsa" {
  source = "../irsa"
  count  = local.with_role ? 1 : 0

  name              = "${var.name}-tofu-runner"
  oidc_provider_arn = var.oidc_provider_arn
  oidc_issuer       = var.oidc_issuer
  namespace         = local.namespace
  service_account   = local.service_account

  policies = var.runner_policies

  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

resource "helm_release" "this" {
  count = var.install_chart ? 1 : 0

  name       = "tofu-controller"
  namespace  = local.namespace
  repository = "oci://ghcr.io/flux-iac/charts"
  chart      = "tofu-controller"
  version    = var.chart_version
  values     = [yamlencode(local.values)]

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600
}
