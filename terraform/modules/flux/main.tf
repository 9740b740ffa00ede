locals {
  namespace   = "flux-system" # Flux' own policies and the operator's reports expect it
  tolerations = [{ key = "CriticalAddonsOnly", operator = "Exists" }]

  operator_values = {
    tolerations       = local.tolerations
    priorityClassName = "system-cluster-critical"
    web               = { enabled = false } # a status page without log-in is one thing more to guard
    serviceMonitor    = { create = false }  # module prometheus scrapes Flux
  }

  instance_values = {
    distribution = {
      version  = var.flux_version
      registry = "ghcr.io/fluxcd"
    }
    components  = var.components
    size        = var.size
    tolerations = local.tolerations
    sync = {
      url        = var.git_url
      ref        = var.git_ref
      path       = var.path
      interval   = var.interval
      pullSecret = var.pull_secret
    }
  }
}

module "namespace" {
  source = "../namespace"
  count  = var.install_chart ? 1 : 0

  name = local.namespace
}

resource "helm_release" "operator" {
  count = var.install_chart ? 1 : 0

  name       = "flux-operator"
  namespace  = module.namespace[0].name
  repository = "oci://ghcr.io/controlplaneio-fluxcd/charts"
  chart      = "flux-operator"
  version    = var.chart_version
  values     = [yamlencode(local.operator_values)]

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600
}

# A release of its own: its kind is one of the operator's CRDs. On the way out its removal waits until the operator has taken
# Flux away: an operator that goes first leaves the finalizer, and the namespace never ends.
resource "helm_release" "instance" {
  count = var.install_chart ? 1 : 0

  name      = "flux-instance"
  namespace = module.namespace[0].name
  chart     = "${path.module}/charts/flux-instance"
  values    = [yamlencode(local.instance_values)]

  wait        = true
  max_history = 5
  timeout     = 900

  depends_on = [helm_release.operator]
}
