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

variable "region" {
  description = "Region of the secrets."
  type        = string
}

variable "account_id" {
  description = "Account of the secrets."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is 12 digits."
  }
}

variable "vpc_cidr" {
  description = "Address range of the VPC, from which the API server calls the webhook."
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

variable "secret_prefix" {
  description = "The role may read the secrets whose names begin with this, as dev-helloworld/."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9/_+=.@-]*[/-]$", var.secret_prefix))
    error_message = "secret_prefix is a beginning of names without wildcards that ends with / or -, so that it can't match a longer word."
  }
}

variable "kms_key_arns" {
  description = "Keys of one's own that encrypt those secrets. None: AWS' key aws/secretsmanager, which needs no right."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "kms_key_arns are ARNs of keys, not of aliases, and hold no wildcards."
  }
}

variable "store_name" {
  description = "Name of the ClusterSecretStore."
  type        = string
  default     = "aws-secrets-manager"
}

variable "store_namespaces" {
  description = "Namespaces whose ExternalSecrets may use the store."
  type        = list(string)

  validation {
    condition     = length(var.store_namespaces) > 0
    error_message = "store_namespaces names at least one namespace: without one the store would be open to all."
  }
}

variable "replicas" {
  description = "Pods of the controller and of its webhook."
  type        = number
  default     = 1

  validation {
    condition     = var.replicas >= 1
    error_message = "replicas is at least 1."
  }
}

variable "install_chart" {
  description = "Install the chart and the store. false makes only the role, for GitOps to install the rest."
  type        = bool
  default     = true
}

# renovate: datasource=helm depName=external-secrets registryUrl=https://charts.external-secrets.io
variable "chart_version" {
  description = "Version of the chart. Only the newest minor version gets fixes."
  type        = string
  default     = "2.9.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is an exact version without v, as 2.9.0."
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
