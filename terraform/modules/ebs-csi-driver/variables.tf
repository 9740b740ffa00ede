variable "name" {
  description = "Name of the cluster, as dev-helloworld, and the prefix of the role's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name is 3 to 40 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "partition" {
  description = "AWS partition: aws, aws-cn or aws-us-gov."
  type        = string
  default     = "aws"
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's IAM OIDC provider."
  type        = string
}

variable "oidc_issuer" {
  description = "The cluster's OIDC issuer as host and path, without https://."
  type        = string
}

variable "addon_version" {
  description = "Version of the addon. null: the default of the cluster's Kubernetes version when the addon is made."
  type        = string
  default     = null

  validation {
    condition     = var.addon_version == null || can(regex("^v[0-9.]+-eksbuild\\.[0-9]+$", var.addon_version))
    error_message = "addon_version is a version of EKS, as v1.50.1-eksbuild.1, or null."
  }
}

variable "install_chart" {
  description = "Install the storage class gp3. false makes only the AWS side, for GitOps to install the rest."
  type        = bool
  default     = true
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
  description = "Version of the kubectl image in the hook that waits until no volume is left."
  type        = string
  default     = "1.35.4"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.kubectl_version))
    error_message = "kubectl_version is an exact version without v, as 1.35.4."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for all resources of the module."
  type        = map(string)
  default     = {}
}
