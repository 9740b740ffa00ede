variable "flux" {
  description = "Flux is installed: its sync and all HelmReleases go first."
  type        = bool
}

variable "step_timeout_seconds" {
  description = "How long each step may take. A load balancer is gone after one to three minutes."
  type        = number
  default     = 600

  validation {
    condition     = var.step_timeout_seconds >= 60 && floor(var.step_timeout_seconds) == var.step_timeout_seconds
    error_message = "step_timeout_seconds is a whole number of at least 60."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of the cluster, as 1.35. kubectl must be within one minor version of it."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version is a minor version, as 1.35."
  }
}

# renovate: datasource=docker depName=registry.k8s.io/kubectl extractVersion=^v(?<version>.+)$
variable "kubectl_version" {
  description = "Version of the kubectl image, within one minor version of the cluster's."
  type        = string
  default     = "1.35.4"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.kubectl_version))
    error_message = "kubectl_version is an exact version without v, as 1.35.4."
  }
}
