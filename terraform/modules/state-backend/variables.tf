variable "bucket_name" {
  description = "Name of the bucket that holds Terraform's states. Bucket names are global: put the account's id in."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name is 3 to 63 lower-case letters, digits and hyphens (no dots: they break TLS)."
  }
}

variable "lock_table_name" {
  description = "Name of the DynamoDB table that holds the locks."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.lock_table_name))
    error_message = "lock_table_name is 3 to 255 letters, digits, underscores, dots and hyphens."
  }
}

variable "kms_alias" {
  description = "Alias of the key that encrypts bucket and table. Backends name the key by it, as its id differs in each account."
  type        = string
  default     = "alias/helloworld-terraform"

  validation {
    condition     = can(regex("^alias/[a-zA-Z0-9/_-]+$", var.kms_alias)) && !startswith(var.kms_alias, "alias/aws/")
    error_message = "kms_alias starts with alias/ (alias/aws/ is AWS' own)."
  }
}

variable "kms_deletion_window_days" {
  description = "How long a deleted key can be brought back. Without the key no state can be read any more."
  type        = number
  default     = 30

  validation {
    condition     = var.kms_deletion_window_days >= 7 && var.kms_deletion_window_days <= 30
    error_message = "kms_deletion_window_days is 7 to 30."
  }
}

variable "noncurrent_version_days" {
  description = "How long an old version of a state is kept."
  type        = number
  default     = 365

  validation {
    condition     = var.noncurrent_version_days >= 30
    error_message = "noncurrent_version_days is at least 30: a broken state is not always seen in the first weeks."
  }
}

variable "noncurrent_versions_kept" {
  description = "How many old versions of a state are kept however old they are. 0: age alone decides (S3-compatible stores that don't know this rule)."
  type        = number
  default     = 20

  validation {
    condition     = var.noncurrent_versions_kept >= 0 && var.noncurrent_versions_kept <= 100
    error_message = "noncurrent_versions_kept is 0 to 100."
  }
}

variable "enforce_bucket_policy" {
  description = "Refuse what comes without TLS or with another encryption. false only for S3 simulators that deny without looking at a policy's conditions."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags for all resources of the module."
  type        = map(string)
  default     = {}
  nullable    = false
}
