variable "name" {
  description = "Name of the cluster, as dev-helloworld."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name is 3 to 32 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of the control plane and, through it, of the system nodes. One minor version a step, never back."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version is a minor version, as 1.35; EKS chooses the patch."
  }
}

variable "vpc_id" {
  description = "ID of the VPC that the subnets must belong to."
  type        = string
}

variable "vpc_cidr" {
  description = "Address range of the VPC, from which the private API endpoint answers."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr))
    error_message = "vpc_cidr is an IPv4 range, as 10.10.0.0/16."
  }
}

variable "subnet_ids" {
  description = "IDs of private subnets in at least two zones, for the control plane's interfaces and the system nodes."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "EKS needs subnets in at least two zones."
  }
}

variable "public_access_cidrs" {
  description = "Address ranges from which the public API endpoint answers. Empty: there is only the private endpoint."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : can(cidrnetmask(cidr))])
    error_message = "public_access_cidrs are IPv4 ranges, as 203.0.113.7/32."
  }

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : try(tonumber(split("/", cidr)[1]) >= 8, true)])
    error_message = "public_access_cidrs may not open the API to everyone: 0.0.0.0/0, and its halves and quarters, are refused (a /8 is the widest)."
  }
}

variable "access_entries" {
  description = "Who may use the Kubernetes API: any name => IAM principal, EKS access policy (AmazonEKSViewPolicy, AmazonEKSEditPolicy, AmazonEKSAdminPolicy, AmazonEKSClusterAdminPolicy …) and the namespaces it is limited to (none: the whole cluster)."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", entry.principal_arn))])
    error_message = "principal_arn is the ARN of an IAM role or user (not of an assumed-role session)."
  }

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : !strcontains(entry.principal_arn, ":role/AWSReservedSSO_")])
    error_message = "principal_arn lacks the role's path, which roles of IAM Identity Center (AWSReservedSSO_…) always have. The whole ARN: aws iam get-role --role-name NAME --query Role.Arn --output text"
  }

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : can(regex("^AmazonEKS[A-Za-z]+Policy$", entry.policy))])
    error_message = "policy is the name of an EKS access policy, as AmazonEKSViewPolicy."
  }

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : entry.policy != "AmazonEKSClusterAdminPolicy" || length(entry.namespaces) == 0])
    error_message = "AmazonEKSClusterAdminPolicy is for the whole cluster: in some namespaces only, AmazonEKSAdminPolicy is meant."
  }
}

variable "system_node_group" {
  description = "The managed node group for the controllers (Karpenter and what must run before it). Everything else runs on Karpenter's nodes."
  type = object({
    instance_types  = list(string)
    min_size        = number
    max_size        = number
    desired_size    = number
    ami_type        = optional(string, "AL2023_x86_64_STANDARD")
    release_version = optional(string) # of the AMI, as 1.35.7-20260903; null: the newest when the group is made or its version changes
    capacity_type   = optional(string, "ON_DEMAND")
    disk_size       = optional(number, 30)
  })

  validation {
    condition     = var.system_node_group.min_size >= 2
    error_message = "min_size is at least 2: Karpenter runs with two replicas that never share a node."
  }

  validation {
    condition     = var.system_node_group.min_size <= var.system_node_group.desired_size && var.system_node_group.desired_size <= var.system_node_group.max_size
    error_message = "min_size <= desired_size <= max_size."
  }

  validation {
    condition     = contains(["ON_DEMAND", "SPOT"], var.system_node_group.capacity_type)
    error_message = "capacity_type is ON_DEMAND or SPOT."
  }

  validation {
    condition     = length(var.system_node_group.instance_types) > 0
    error_message = "instance_types names at least one instance type."
  }
}

variable "addons" {
  description = "Addons of EKS: name => version. null takes the default of the Kubernetes version when the addon is made, and keeps it."
  type        = map(string)
  default = {
    "vpc-cni"    = null
    "kube-proxy" = null
    "coredns"    = null
  }
  nullable = false
}

variable "tag_cluster_security_group" {
  description = "Give the security group that EKS makes the tags, and Karpenter's discovery tag. false for simulators of EKS that make no such group."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How many days CloudWatch keeps the control plane's logs."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is a number of days that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 …"
  }
}

variable "deletion_protection" {
  description = "EKS refuses to delete the cluster while this is true."
  type        = bool
  default     = true
}

variable "support_type" {
  description = "STANDARD: EKS upgrades the cluster when its version leaves standard support. EXTENDED: it keeps it, for six times the price."
  type        = string
  default     = "STANDARD"

  validation {
    condition     = contains(["STANDARD", "EXTENDED"], var.support_type)
    error_message = "support_type is STANDARD or EXTENDED."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles that the module makes."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for all resources of the module."
  type        = map(string)
  default     = {}
  nullable    = false
}
