variable "vpc_cidr" {
  description = "Address range of the VPC, from which the API server calls the operator's webhook."
  type        = string
}

variable "replicas" {
  description = "Instances of Prometheus. Two scrape everything twice: one goes on while the other moves to another node."
  type        = number
  default     = 1

  validation {
    condition     = var.replicas >= 1 && var.replicas <= 3
    error_message = "replicas is 1 to 3."
  }
}

variable "retention" {
  description = "How long metrics are kept, as 15d."
  type        = string
  default     = "3d"

  validation {
    condition     = can(regex("^[1-9][0-9]*(h|d|w|y)$", var.retention))
    error_message = "retention is a Prometheus duration in hours, days, weeks or years, as 15d."
  }
}

variable "storage" {
  description = "Size of each instance's volume, as 100Gi. null: the node's disk, and the metrics are lost with the pod."
  type        = string
  default     = null

  validation {
    condition     = var.storage == null || can(regex("^[1-9][0-9]*(Gi|Ti)$", var.storage))
    error_message = "storage is a Kubernetes quantity, as 100Gi, or null."
  }
}

variable "storage_class" {
  description = "Storage class of the volumes (module ebs-csi-driver makes gp3)."
  type        = string
  default     = "gp3"
}

variable "resources" {
  description = "Requests and limits of each instance. No CPU limit: a throttled Prometheus loses samples."
  type = object({
    requests = map(string)
    limits   = map(string)
  })
  default = {
    requests = { cpu = "200m", memory = "1Gi" }
    limits   = { memory = "2Gi" }
  }
}

variable "alertmanager" {
  description = "Install Alertmanager. Without an AlertmanagerConfig in the cluster it tells nobody anything."
  type        = bool
  default     = false
}

variable "grafana" {
  description = "Install Grafana, reachable by port-forward only."
  type        = bool
  default     = false
}

variable "client_namespaces" {
  description = "Namespaces that may ask Prometheus, besides its own."
  type        = list(string)
  default     = []
}

variable "pod_monitors" {
  description = "Pods to scrape besides what has a monitor of its own: name => namespace, values of a label, and the name of the metrics port. By default the platform's controllers; those that are off have no pods."
  type = map(object({
    namespace = string
    label     = optional(string, "app.kubernetes.io/name")
    values    = list(string)
    port      = string
  }))
  default = {
    flux = {
      namespace = "flux-system"
      label     = "app"
      values    = ["source-controller", "kustomize-controller", "helm-controller", "notification-controller"]
      port      = "http-prom"
    }
    external-secrets = {
      namespace = "external-secrets"
      values    = ["external-secrets", "external-secrets-webhook", "external-secrets-cert-controller"]
      port      = "metrics"
    }
    karpenter = {
      namespace = "kube-system"
      values    = ["karpenter"]
      port      = "http-metrics"
    }
    aws-load-balancer-controller = {
      namespace = "kube-system"
      values    = ["aws-load-balancer-controller"]
      port      = "metrics-server"
    }
  }
}

variable "install_chart" {
  description = "Install the chart. false makes nothing: the module has no AWS side."
  type        = bool
  default     = true
}

# renovate: datasource=helm depName=kube-prometheus-stack registryUrl=https://prometheus-community.github.io/helm-charts
variable "chart_version" {
  description = "Version of the chart kube-prometheus-stack."
  type        = string
  default     = "88.5.3"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is an exact version without v, as 88.5.3."
  }
}

# renovate: datasource=docker depName=busybox
variable "busybox_version" {
  description = "Tag of the busybox image in the hook that upgrades the CRDs."
  type        = string
  default     = "1.37.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.busybox_version))
    error_message = "busybox_version is an exact version without v, as 1.37.0."
  }
}
