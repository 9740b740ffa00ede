variable "name" {
  description = "Prefix of the names of roles, policies and boundaries that the module makes. Environments' own names (dev-…) may not start with it, or a deploy role could change them."
  type        = string
  default     = "helloworld"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name is 3 to 32 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "github_organization" {
  description = "Organization or user that owns the repository."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9-]*$", var.github_organization))
    error_message = "github_organization is the name of one organization or user: no wildcards."
  }
}

variable "github_organization_id" {
  description = "Its numeric id (gh api repos/O/R --jq .owner.id). Repositories made since 2026-07-15 have it in their tokens' subjects."
  type        = number
  default     = null

  validation {
    condition     = var.github_organization_id == null || try(var.github_organization_id > 0 && floor(var.github_organization_id) == var.github_organization_id, false)
    error_message = "github_organization_id is a positive whole number, or null."
  }
}

variable "github_repository" {
  description = "Name of the repository, without its owner."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]+$", var.github_repository))
    error_message = "github_repository is the name of one repository, without its owner: no wildcards."
  }
}

variable "github_repository_id" {
  description = "Its numeric id (gh api repos/O/R --jq .id)."
  type        = number
  default     = null

  validation {
    condition     = var.github_repository_id == null || try(var.github_repository_id > 0 && floor(var.github_repository_id) == var.github_repository_id, false)
    error_message = "github_repository_id is a positive whole number, or null."
  }

  validation {
    condition     = (var.github_repository_id == null) == (var.github_organization_id == null)
    error_message = "Give both ids, of the organization and of the repository, or neither: a subject holds both."
  }
}

variable "accept_legacy_subject" {
  description = "With ids: accept subjects without them too, for the time in which a repository is moved to the new form."
  type        = bool
  default     = false
}

variable "provider_arn" {
  description = "ARN of the account's OIDC provider for GitHub, if others use it: an account has only one. It is not changed then, and must have sts.amazonaws.com among its audiences. null: the module makes it."
  type        = string
  default     = null

  validation {
    condition     = var.provider_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.provider_arn))
    error_message = "provider_arn is arn:aws:iam::<account>:oidc-provider/token.actions.githubusercontent.com, or null."
  }
}

variable "plan_role" {
  description = "Make the read-only role for plans on pull requests. Whoever may push a branch can then read the states and the settings of all environments."
  type        = bool
  default     = false
}

variable "environments" {
  description = "GitHub environments that deploy => prefix of the names of what they may make (default <environment>-helloworld) and further policies of the role (name => JSON)."
  type = map(object({
    prefix   = optional(string)
    policies = optional(map(string), {})
  }))

  validation {
    condition     = length(var.environments) > 0 && alltrue([for environment in keys(var.environments) : can(regex("^[a-z][a-z0-9]{1,15}$", environment))])
    error_message = "environments has at least one name of 2 to 16 lower-case letters and digits."
  }

  validation {
    condition     = alltrue([for environment, settings in var.environments : can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", coalesce(settings.prefix, "${environment}-helloworld")))])
    error_message = "prefix is 3 to 32 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for environment, settings in var.environments : !startswith(coalesce(settings.prefix, "${environment}-helloworld"), var.name) && !startswith(var.name, coalesce(settings.prefix, "${environment}-helloworld"))])
    error_message = "An environment's prefix and the module's name may not begin alike: a deploy role could then change its own rights."
  }

  validation {
    condition     = alltrue(flatten([for settings in values(var.environments) : [for policy in values(settings.policies) : can(jsondecode(policy).Statement)]]))
    error_message = "Each policy is the JSON of an IAM policy with a Statement."
  }
}

variable "state_bucket_arn" {
  description = "ARN of the bucket that holds the states."
  type        = string
}

variable "state_lock_table_arn" {
  description = "ARN of the lock table."
  type        = string
}

variable "state_kms_key_arn" {
  description = "ARN of the key that encrypts bucket and table."
  type        = string
}

variable "state_key" {
  description = "Key of the stack's state in the bucket, below <workspace_key_prefix>/<environment>/."
  type        = string
  default     = "viney-infra/terraform.tfstate"
}

variable "workspace_key_prefix" {
  description = "workspace_key_prefix of the stack's backend."
  type        = string
  default     = "env"
}

variable "attachable_managed_policies" {
  description = "AWS' own policies (name with path, below policy/) that a deploy role may attach to the roles that it makes."
  type        = set(string)
  default = [
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKSClusterPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonSSMManagedInstanceCore",
    "service-role/AmazonEBSCSIDriverPolicy",
  ]
  nullable = false

  validation {
    condition     = alltrue([for policy in var.attachable_managed_policies : can(regex("^[A-Za-z0-9_/-]+$", policy)) && !contains(["AdministratorAccess", "PowerUserAccess", "IAMFullAccess"], policy)])
    error_message = "attachable_managed_policies are exact names; administrators' policies are refused."
  }
}

variable "max_session_seconds" {
  description = "How long a deploy role's session may last. A cluster takes 15 minutes to make, an upgrade with its nodes up to an hour."
  type        = number
  default     = 7200

  validation {
    condition     = var.max_session_seconds >= 3600 && var.max_session_seconds <= 43200
    error_message = "max_session_seconds is 3600 to 43200."
  }
}

variable "tags" {
  description = "Tags for all resources of the module."
  type        = map(string)
  default     = {}
  nullable    = false
}
