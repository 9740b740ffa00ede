locals {
  namespace  = "flagger"
  repository = "https://flagger.app"

  # What the restricted pod security standard asks for; the charts' defaults don't say it.
  security_context = {
    runAsNonRoot             = true
    readOnlyRootFilesystem   = true
    allowPrivilegeEscalation = false
    capabilities             = { drop = ["ALL"] }
    seccompProfile           = { type = "RuntimeDefault" }
  }

  values = {
    meshProvider  = var.mesh_provider
    metricsServer = var.metrics_server

    # A Canary may only name MetricTemplates and alert providers of its own namespace.
    noCrossNamespaceRefs = true

    leaderElection      = { enabled = var.replicas > 1, replicaCount = var.replicas }
    podDisruptionBudget = { enabled = var.replicas > 1, minAvailable = 1 }
    podMonitor          = { enabled = var.pod_monitor }
    tolerations         = [{ key = "CriticalAddonsOnly", operator = "Exists" }]

    securityContext = { enabled = true, context = merge(local.security_context, { runAsUser = 10001 }) }
  }

  loadtester_values = {
    fullnameOverride = "flagger-loadtester"
    # It runs the commands that it is sent: only for canaries of this namespace.
    cmd = { timeout = "10m", namespaceRegexp = "^${var.application_namespace}$" }

    resources       = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = "128Mi" } }
    securityContext = { enabled = true, context = merge(local.security_context, { runAsUser = 100, runAsGroup = 101 }) }
    volumes         = [{ name = "tmp", emptyDir = {} }]
    volumeMounts    = [{ name = "tmp", mountPath = "/tmp" }]
  }

  loadtester = var.install_chart && var.loadtester
}

module "namespace" {
  source = "../namespace"
  count  = var.install_chart ? 1 : 0

  name = local.namespace
  ingress = {
    metrics = {
      from_namespaces = ["monitoring"]
      ports           = [8080]
    }
  }
}

resource "helm_release" "this" {
  count = var.install_chart ? 1 : 0

  name       = "flagger"
  namespace  = module.namespace[0].name
  repository = local.repository
  chart      = "flagger"
  version    = var.chart_version
  values     = [yamlencode(local.values)]

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600
}

# Before the load tester: whoever reaches it can have it run commands.
resource "kubernetes_network_policy_v1" "loadtester" {
  count = local.loadtester ? 1 : 0

  metadata {
    name      = "flagger-loadtester"
    namespace = var.application_namespace
  }

  spec {
    pod_selector {
      match_labels = { app = "loadtester" }
    }
    policy_types = ["Ingress"]

    ingress {
      from {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = local.namespace }
        }
        pod_selector {
          match_labels = { "app.kubernetes.io/name" = "flagger" }
        }
      }
      ports {
        port     = 8080
        protocol = "TCP"
      }
    }
  }
}

resource "helm_release" "loadtester" {
  count = local.loadtester ? 1 : 0

  name       = "flagger-loadtester"
  namespace  = var.application_namespace
  repository = local.repository
  chart      = "loadtester"
  version    = var.loadtester_version
  values     = [yamlencode(local.loadtester_values)]

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  depends_on = [kubernetes_network_policy_v1.loadtester]
}
