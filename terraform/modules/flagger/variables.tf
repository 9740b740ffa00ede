variable "metrics_server" {
  description = "URL of the Prometheus that analyses read, as module prometheus gives it."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/]+$", var.metrics_server))
    error_message = "metrics_server is a URL without a path, as http://kube-prometheus-stack-prometheus.monitoring:9090."
  }
}

variable "mesh_provider" {
  description = "Flagger's default provider. kubernetes is blue/green without a mesh; a Canary may name another."
  type        = string
  default     = "kubernetes"

  validation {
    condition     = contains(["kubernetes", "gatewayapi:v1"], var.mesh_provider)
    error_message = "mesh_provider is kubernetes or gatewayapi:v1: what the application's chart knows."
  }
}

variable "application_namespace" {
  description = "Namespace of the application, in which the load tester runs. It must exist."
  type        = string
}

variable "loadtester" {
  description = "Install the load tester: without traffic an analysis has nothing to measure."
  type        = bool
  default     = true
}

variable "replicas" {
  description = "Pods of Flagger; one works, the others stand by."
  type        = number
  default     = 1

  validation {
    condition     = var.replicas >= 1
    error_message = "replicas is at least 1."
  }
}

variable "pod_monitor" {
  description = "Let Prometheus scrape Flagger. Needs the CRDs of the Prometheus operator."
  type        = bool
  default     = true
}

variable "install_chart" {
  description = "Install the charts. false makes nothing: the module has no AWS side."
  type        = bool
  default     = true
}

# renovate: datasource=helm depName=flagger registryUrl=https://flagger.app
variable "chart_version" {
  description = "Version of the chart flagger."
  type        = string
  default     = "1.44.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is an exact version without v, as 1.44.0."
  }
}

# renovate: datasource=helm depName=loadtester registryUrl=https://flagger.app
variable "loadtester_version" {
  description = "Version of the chart loadtester."
  type        = string
  default     = "0.38.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.loadtester_version))
    error_message = "loadtester_version is an exact version without v, as 0.38.0."
  }
}
