locals {
  namespace = "monitoring"
  # Names the services: Flagger and the application's chart ask kube-prometheus-stack-prometheus.monitoring:9090.
  release = "kube-prometheus-stack"

  tolerations = [{ key = "CriticalAddonsOnly", operator = "Exists" }]

  # Two lists and not `?:`, whose sides would have to be of one shape.
  storage = concat(
    [for size in var.storage[*] : {
      volumeClaimTemplate = {
        spec = {
          storageClassName = var.storage_class
          accessModes      = ["ReadWriteOnce"]
          resources        = { requests = { storage = size } }
        }
      }
    }],
    [{ emptyDir = { sizeLimit = "10Gi" } }],
  )[0]

  ingress = merge({
    # The API server asks from the control plane's interfaces, which have addresses in the VPC and no pod labels.
    webhook = {
      pod_labels      = { app = "kube-prometheus-stack-operator" }
      from_namespaces = []
      from_cidrs      = [var.vpc_cidr]
      ports           = [10250]
    }
    }, length(var.client_namespaces) == 0 ? {} : {
    queries = {
      pod_labels      = { "app.kubernetes.io/name" = "prometheus" }
      from_namespaces = var.client_namespaces
      from_cidrs      = []
      ports           = [9090]
    }
  })

  values = {
    fullnameOverride = local.release

    # Helm never upgrades CRDs; this hook does, before the operator that needs them.
    crds = {
      upgradeJob = {
        enabled     = true
        image       = { busybox = { tag = var.busybox_version } } # the chart's own default is latest
        tolerations = local.tolerations
      }
    }

    prometheus = {
      prometheusSpec = {
        replicas        = var.replicas
        podAntiAffinity = "soft"
        retention       = var.retention
        resources       = var.resources
        storageSpec     = local.storage

        # Volumes go with the release: they would be left behind, and paid for, after the cluster is gone.
        persistentVolumeClaimRetentionPolicy = { whenDeleted = "Delete", whenScaled = "Retain" }

        # Otherwise it sees only what this release made, and none of the application's monitors and rules.
        serviceMonitorSelectorNilUsesHelmValues = false
        podMonitorSelectorNilUsesHelmValues     = false
        ruleSelectorNilUsesHelmValues           = false
        probeSelectorNilUsesHelmValues          = false
        scrapeConfigSelectorNilUsesHelmValues   = false
      }

      # Here and not in the controllers' own modules: these need the operator's CRDs, which come with this release.
      additionalPodMonitors = [for name, monitor in var.pod_monitors : {
        name                = name
        namespaceSelector   = { matchNames = [monitor.namespace] }
        selector            = { matchExpressions = [{ key = monitor.label, operator = "In", values = monitor.values }] }
        podMetricsEndpoints = [{ port = monitor.port }]
      }]
    }

    prometheusOperator = {
      tolerations       = local.tolerations
      admissionWebhooks = { patch = { tolerations = local.tolerations } }
      resources         = { requests = { cpu = "50m", memory = "64Mi" }, limits = { memory = "256Mi" } }
    }

    alertmanager = {
      enabled = var.alertmanager
      alertmanagerSpec = {
        replicas                            = var.replicas
        tolerations                         = local.tolerations
        resources                           = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = "128Mi" } }
        alertmanagerConfigSelector          = {} # AlertmanagerConfigs come from git, with the receivers
        alertmanagerConfigNamespaceSelector = {}
      }
    }

    grafana = { enabled = var.grafana }

    "kube-state-metrics" = {
      tolerations = local.tolerations
      resources   = { requests = { cpu = "10m", memory = "64Mi" }, limits = { memory = "256Mi" } }
    }

    "prometheus-node-exporter" = {
      resources = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = "64Mi" } }
    }

    # EKS runs these where nobody can scrape them, and kube-proxy listens on the loopback only: their alerts would always fire.
    kubeControllerManager = { enabled = false }
    kubeScheduler         = { enabled = false }
    kubeEtcd              = { enabled = false }
    kubeProxy             = { enabled = false }
  }
}

module "namespace" {
  source = "../namespace"
  count  = var.install_chart ? 1 : 0

  name         = local.namespace
  pod_security = "privileged" # node-exporter reads the node: host network, host PIDs and its root as a read-only mount

  ingress = local.ingress
}

resource "helm_release" "this" {
  count = var.install_chart ? 1 : 0

  name       = local.release
  namespace  = module.namespace[0].name
  repository = "https://prometheus-community.github.io/helm-charts"
  chart      = "kube-prometheus-stack"
  version    = var.chart_version
  values     = [yamlencode(local.values)]

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 900 # nodes may have to start, and volumes to be made
}
