variable "region" {
  description = "Region of the bucket, the lock table and their key."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is an AWS region, as eu-west-1."
  }
}

variable "account_id" {
  description = "The account that this is for. Credentials of another one are refused; null takes any."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is 12 digits."
  }
}

variable "environments" {
  description = "Environments of this account, each with a deploy role."
  type        = set(string)
  default     = ["dev", "prod"]

  validation {
    condition     = length(var.environments) > 0 && length(setsubtract(var.environments, module.input.environments)) == 0
    error_message = "environments are of those in the table of terraform/main.tf."
  }
}

variable "github_organization" {
  description = "Organization or user that owns the repository."
  type        = string
  default     = "damekarv"
}

variable "github_organization_id" {
  description = "Its numeric id (gh api repos/O/R --jq .owner.id). Needed where the repository was made since 2026-07-15."
  type        = number
  default     = null
}

variable "github_repository" {
  description = "Name of the repository, without its owner."
  type        = string
  default     = "helloworld-infrastructure"
}

variable "github_repository_id" {
  description = "Its numeric id (gh api repos/O/R --jq .id)."
  type        = number
  default     = null
}

variable "accept_legacy_subject" {
  description = "With ids: accept subjects without them too, while the repository is moved to the new form."
  type        = bool
  default     = false
}

variable "provider_arn" {
  description = "ARN of the account's OIDC provider for GitHub, if others use it: an account has only one. It is not changed then. null: it is made."
  type        = string
  default     = null
}

variable "plan_role" {
  description = "Make the read-only role for plans on pull requests. Whoever may push a branch can then read the states and the settings of all environments."
  type        = bool
  default     = false
}

variable "noncurrent_versions_kept" {
  description = "How many old versions of a state are kept however old they are. 0: age alone decides (S3-compatible stores that don't know this rule)."
  type        = number
  default     = 20
}

variable "enforce_bucket_policy" {
  description = "Refuse what comes without TLS or with another encryption. false only for S3 simulators that deny without looking at a policy's conditions."
  type        = bool
  default     = true
}

variable "s3_use_path_style" {
  description = "For S3-compatible endpoints that don't know a bucket's own host name."
  type        = bool
  default     = false
}

variable "adopt" {
  description = "Take what a bootstrap made before it was interrupted into an empty state, instead of making it again."
  type        = bool
  default     = false
}

variable "adopt_missing" {
  description = "With adopt: what the interrupted bootstrap had not come to, as Terraform's error names it: bucket, lock-table, key, provider, role/<name>, policy/<name>."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.adopt_missing : can(regex("^(bucket|lock-table|key|provider|(role|policy)/[a-z0-9-]+)$", name))])
    error_message = "adopt_missing holds bucket, lock-table, key, provider, role/<name> or policy/<name>."
  }
}
