variable "name" {
  description = "Name of the cluster, as dev-helloworld. Prefix of all names, and the value of the tag karpenter.sh/discovery."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name is 3 to 32 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "cluster_endpoint" {
  description = "URL of the Kubernetes API."
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

variable "capacity_types" {
  description = "What Karpenter may buy: spot, on-demand or both (then it tries spot first)."
  type        = list(string)

  validation {
    condition     = length(var.capacity_types) > 0 && alltrue([for type in var.capacity_types : contains(["spot", "on-demand"], type)])
    error_message = "capacity_types holds spot, on-demand or both."
  }
}

variable "cpu_limit" {
  description = "Karpenter starts no node beyond this many vCPUs in total: the ceiling of the bill."
  type        = number

  validation {
    condition     = var.cpu_limit > 0
    error_message = "cpu_limit is a positive number of vCPUs."
  }
}

variable "memory_limit" {
  description = "Karpenter starts no node beyond this much memory in total, as 128Gi."
  type        = string

  validation {
    condition     = can(regex("^[1-9][0-9]*(Mi|Gi|Ti)$", var.memory_limit))
    error_message = "memory_limit is a Kubernetes quantity, as 128Gi."
  }
}

variable "ami_alias" {
  description = "Operating system and release of the nodes, as al2023@v20260903. Pinned: with @latest every AMI release would replace all nodes on its own."
  type        = string

  validation {
    condition     = can(regex("^al2023@v[0-9]{8}$", var.ami_alias))
    error_message = "ami_alias is al2023 and a release, as al2023@v20260903: latest is refused, and other families have other disks than the EC2NodeClass of this module describes."
  }
}

variable "instance_categories" {
  description = "Categories of instances that nodes may have. The wider, the cheaper and the rarer interrupted."
  type        = list(string)
  default     = ["c", "m", "r"]

  validation {
    condition     = length(var.instance_categories) > 0
    error_message = "instance_categories names at least one category."
  }
}

variable "architectures" {
  description = "CPU architectures of nodes. arm64 only once every image is built for it."
  type        = list(string)
  default     = ["amd64"]

  validation {
    condition     = length(var.architectures) > 0 && alltrue([for arch in var.architectures : contains(["amd64", "arm64"], arch)])
    error_message = "architectures holds amd64, arm64 or both."
  }
}

variable "disruption_budget" {
  description = "How many nodes may be disrupted at once by choice (consolidation, drift): a number or a percentage."
  type        = string
  default     = "10%"

  validation {
    condition     = can(regex("^([0-9]|[1-9][0-9]+|([0-9]|[1-9][0-9]|100)%)$", var.disruption_budget))
    error_message = "disruption_budget is a number of nodes or a percentage, as 10%."
  }
}

variable "create_access_entry" {
  description = "Make the access entry by which Karpenter's nodes join the cluster. false where it exists already."
  type        = bool
  default     = true
}

variable "create_spot_service_linked_role" {
  description = "Make the account's service-linked role for spot. Once an account: it fails where the role exists."
  type        = bool
  default     = false
}

variable "install_chart" {
  description = "Install the charts. false makes only the AWS side, for GitOps to install the rest."
  type        = bool
  default     = true
}

# renovate: datasource=docker depName=public.ecr.aws/karpenter/karpenter
variable "chart_version" {
  description = "Version of the charts karpenter and karpenter-crd, which are released together."
  type        = string
  default     = "1.15.1"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is an exact version without v, as 1.15.1."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles that the module makes."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for all resources of the module, and for the instances and volumes that Karpenter starts: the provider's default tags don't reach those."
  type        = map(string)
  default     = {}
  nullable    = false
}
