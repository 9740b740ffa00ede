variable "name" {
  description = "Name of the cluster, as dev-helloworld, and the prefix of the role's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name is 3 to 40 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "vpc_id" {
  description = "VPC in which load balancers are made."
  type        = string
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's IAM OIDC provider."
  type        = string
}

variable "oidc_issuer" {
  description = "The cluster's OIDC issuer as host and path, without https://."
  type        = string
}

variable "replicas" {
  description = "Pods of the controller; one works, the others stand by."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas >= 1
    error_message = "replicas is at least 1."
  }
}

variable "install_chart" {
  description = "Install the chart. false makes only the role, for GitOps to install the rest."
  type        = bool
  default     = true
}

# renovate: datasource=helm depName=aws-load-balancer-controller registryUrl=https://aws.github.io/eks-charts
variable "chart_version" {
  description = "Version of the chart, which is the controller's. policies/ must hold the IAM policy of the same version."
  type        = string
  default     = "3.5.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is an exact version without v, as 3.5.0."
  }

  validation {
    condition     = fileexists("${path.module}/policies/iam-policy-${var.chart_version}.json")
    error_message = "policies/ has no IAM policy of this version: see README.md, \"A new version\"."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for all resources of the module, and for the load balancers that the controller makes."
  type        = map(string)
  default     = {}
}
