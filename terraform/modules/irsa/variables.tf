variable "name" {
  description = "The role's name, and the prefix of its policies' names: <cluster>-<what it is for>, as dev-helloworld-karpenter."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "name is 3 to 64 lower-case letters, digits and hyphens and starts with a letter (IAM allows 64 in a role's name)."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's IAM OIDC provider."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn is the ARN of an IAM OIDC provider: arn:aws:iam::<account>:oidc-provider/<issuer>."
  }
}

variable "oidc_issuer" {
  description = "The cluster's OIDC issuer as host and path, without https://."
  type        = string

  validation {
    condition     = !can(regex("^https?://", var.oidc_issuer)) && length(var.oidc_issuer) > 0
    error_message = "oidc_issuer is the host and path only: leave https:// out, or no token would ever match the trust policy."
  }
}

variable "namespace" {
  description = "Namespace of the one service account that may assume the role."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace is one Kubernetes namespace: wildcards would let others assume the role."
  }
}

variable "service_account" {
  description = "Name of the one service account that may assume the role."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.service_account))
    error_message = "service_account is one Kubernetes service account: wildcards would let others assume the role."
  }
}

variable "policies" {
  description = "What the role may do: name of the policy => its JSON. Each becomes a customer-managed policy named <name>-<key>."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for policy in values(var.policies) : can(jsondecode(policy).Statement)])
    error_message = "Each policy is the JSON of an IAM policy with a Statement."
  }

  validation {
    condition     = length(var.policies) <= 10
    error_message = "A role takes at most 10 managed policies (AWS' default quota)."
  }
}

variable "managed_policy_arns" {
  description = "Policies that exist already, for instance AWS' own: any name => ARN."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role. The deploy role of module github-oidc can only make roles that carry its boundary."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for all resources of the module."
  type        = map(string)
  default     = {}
  nullable    = false
}
