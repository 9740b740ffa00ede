variable "name" {
  description = "Name of the cluster, as dev-helloworld, and the prefix of the role's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name is 3 to 40 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's IAM OIDC provider."
  type        = string
}

variable "oidc_issuer" {
  description = "The cluster's OIDC issuer as host and path, without https://."
  type        = string
}

variable "runner_policies" {
  description = "What Terraform runs of the cluster may do in AWS: name of the policy => its JSON. None: nothing, and no role is made."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.runner_policies) : can(jsondecode(policy).Statement)])
    error_message = "Each policy is the JSON of an IAM policy with a Statement."
  }

  validation {
    condition = alltrue(flatten([for policy in values(var.runner_policies) : [
      for statement in try(flatten([jsondecode(policy).Statement]), []) : [
        for action in flatten([try(statement.Action, [])]) : !strcontains(action, "*")
      ]
    ]]))
    error_message = "Actions are listed one by one, without wildcards."
  }
}

variable "concurrency" {
  description = "How many Terraform objects are worked on at once."
  type        = number
  default     = 4

  validation {
    condition     = var.concurrency >= 1
    error_message = "concurrency is at least 1."
  }
}

variable "install_chart" {
  description = "Install the chart. false makes only the runner's role, for GitOps to install the rest."
  type        = bool
  default     = true
}

# renovate: datasource=docker depName=ghcr.io/flux-iac/charts/tofu-controller
variable "chart_version" {
  description = "Version of the chart, which is the controller's."
  type        = string
  default     = "0.16.5"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is an exact version without v, as 0.16.5."
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
