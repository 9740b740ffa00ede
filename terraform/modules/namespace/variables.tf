variable "name" {
  description = "Name of the namespace."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.name))
    error_message = "name is a Kubernetes namespace: 1 to 63 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = !startswith(var.name, "kube-") && var.name != "default"
    error_message = "The namespaces of Kubernetes itself are not ours to make or to delete."
  }
}

variable "pod_security" {
  description = "Pod security standard that pods must meet: restricted, baseline or privileged."
  type        = string
  default     = "restricted"

  validation {
    condition     = contains(["restricted", "baseline", "privileged"], var.pod_security)
    error_message = "pod_security is restricted, baseline or privileged."
  }
}

variable "pod_security_version" {
  description = "Version of that standard. Fixed, so that an upgrade of the cluster changes no rules by itself."
  type        = string
  default     = "v1.35"

  validation {
    condition     = can(regex("^(latest|v1\\.[0-9]{2})$", var.pod_security_version))
    error_message = "pod_security_version is a minor version, as v1.35, or latest."
  }
}

variable "labels" {
  description = "Further labels of the namespace."
  type        = map(string)
  default     = {}
}

variable "isolated" {
  description = "Let in only the namespace's own pods, and what ingress names."
  type        = bool
  default     = true
}

variable "ingress" {
  description = "Who else may come in: name of the policy => which pods, from which namespaces and address ranges, to which TCP ports. Ports are required: a rule without them would open all."
  type = map(object({
    pod_labels      = optional(map(string), {})
    from_namespaces = optional(list(string), [])
    from_cidrs      = optional(list(string), [])
    ports           = list(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for rule in values(var.ingress) : length(rule.ports) > 0])
    error_message = "A rule names at least one port."
  }

  validation {
    condition     = alltrue([for rule in values(var.ingress) : length(rule.from_namespaces) + length(rule.from_cidrs) > 0])
    error_message = "A rule names at least one namespace or address range: an empty list would let in everyone."
  }

  validation {
    condition     = alltrue(flatten([for rule in values(var.ingress) : [for cidr in rule.from_cidrs : can(cidrnetmask(cidr))]]))
    error_message = "from_cidrs are IPv4 ranges, as 10.10.0.0/16."
  }
}
