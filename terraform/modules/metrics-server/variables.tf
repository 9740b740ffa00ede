variable "name" {
  description = "Name of the cluster, as dev-helloworld."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name is 3 to 40 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "replicas" {
  description = "Pods of the metrics server. While none runs, no HorizontalPodAutoscaler scales."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas >= 1
    error_message = "replicas is at least 1."
  }
}

variable "addon_version" {
  description = "Version of the addon. null: the default of the cluster's Kubernetes version when the addon is made."
  type        = string
  default     = null

  validation {
    condition     = var.addon_version == null || can(regex("^v[0-9.]+-eksbuild\\.[0-9]+$", var.addon_version))
    error_message = "addon_version is a version of EKS, as v0.8.0-eksbuild.2, or null."
  }
}

variable "tags" {
  description = "Tags for all resources of the module."
  type        = map(string)
  default     = {}
}
