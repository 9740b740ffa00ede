variable "name" {
  description = "Name of the cluster that the network is for, as dev-helloworld. Karpenter finds its subnets by it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name is 3 to 32 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "cidr" {
  description = "Address range of the VPC. A /16 leaves room for /19 private subnets (8,187 pods and nodes each) in three zones."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr is an IPv4 range of /16 to /20, as 10.10.0.0/16."
  }
}

variable "availability_zones" {
  description = "Three zones of one region, as [\"eu-west-1a\", \"eu-west-1b\", \"eu-west-1c\"]."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3
    error_message = "availability_zones is three different zones: two leave no quorum when one fails."
  }

  validation {
    condition     = length(distinct([for zone in var.availability_zones : substr(zone, 0, max(length(zone) - 1, 0))])) == 1
    error_message = "availability_zones are of one region."
  }

  validation {
    condition     = alltrue([for zone in var.availability_zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", zone))])
    error_message = "availability_zones are names of zones, as eu-west-1a: the region and one letter."
  }
}

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones (cheaper) instead of one for each (survives the loss of a zone, no traffic across zones)."
  type        = bool
  default     = false
}

variable "flow_log_retention_days" {
  description = "How many days CloudWatch keeps the flow logs."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_log_retention_days)
    error_message = "flow_log_retention_days is a number of days that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 …"
  }
}

variable "interface_endpoints" {
  description = "AWS services reached through interface endpoints in the private subnets instead of the NAT gateways."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "sts"]
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role that writes flow logs."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for all resources of the module."
  type        = map(string)
  default     = {}
  nullable    = false
}
