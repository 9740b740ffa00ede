variable "name" {
  description = "Name of the Secret, as imagePullSecrets name it."
  type        = string
  default     = "ghcr-secret"
}

variable "namespace" {
  description = "Namespace of the Secret. It must exist."
  type        = string
}

variable "registry" {
  description = "Host of the registry."
  type        = string
  default     = "ghcr.io"

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?$", var.registry))
    error_message = "registry is a host without a scheme or a path, as ghcr.io."
  }
}

variable "username" {
  description = "Account that the token belongs to."
  type        = string

  validation {
    condition     = length(var.username) > 0 && !strcontains(var.username, ":")
    error_message = "username is not empty and holds no colon."
  }
}

variable "token" {
  description = "Token with read:packages. Needed when the Secret is made or token_revision is raised, otherwise null."
  type        = string
  sensitive   = true
  ephemeral   = true
  default     = null

  validation {
    condition     = var.token == null || (trimspace(coalesce(var.token, "-")) == var.token && length(coalesce(var.token, "-")) > 0)
    error_message = "token is empty, or has a space or a line end around it."
  }
}

variable "token_revision" {
  description = "Raise it by one, and give the token, to have a new token written."
  type        = number
  default     = 1

  validation {
    condition     = var.token_revision >= 1 && floor(var.token_revision) == var.token_revision
    error_message = "token_revision is a whole number from 1 on."
  }
}
