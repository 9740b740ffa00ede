variable "environment" {
  description = "The environment: dev or prod. The selected workspace must have the same name."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "There is no such environment: dev and prod are in the table of terraform/main.tf."
  }

  # A validation, because it stops plan, apply and destroy alike; a precondition is not looked at by a destroy.
  validation {
    condition     = var.environment == module.workspace.name
    error_message = "The workspace \"${module.workspace.name}\" is selected, and the environment is \"${var.environment}\": one's state would be filled with, or emptied of, the other's resources. Next: terraform workspace select ${var.environment}"
  }
}

variable "region" {
  description = "AWS region of everything but the state, whose region is the backend's."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is an AWS region, as eu-west-1."
  }
}

variable "account_id" {
  description = "The AWS account that it must be; with other credentials nothing is done. null: any."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is 12 digits, or null."
  }
}

variable "modules" {
  description = "Modules to switch on or off, against the table in terraform/main.tf. Without eks there is only the network."
  type = object({
    eks                          = optional(bool)
    karpenter                    = optional(bool)
    ebs_csi_driver               = optional(bool)
    metrics_server               = optional(bool)
    aws_load_balancer_controller = optional(bool)
    external_secrets             = optional(bool)
    prometheus                   = optional(bool)
    flagger                      = optional(bool)
    flux                         = optional(bool)
    ghcr_secret                  = optional(bool)
    tofu_controller              = optional(bool)
  })
  default = {}

  validation {
    condition     = var.modules.eks != false || length([for name, wanted in var.modules : name if wanted == true]) == 0
    error_message = "Without eks no other module can be switched on: they all live in the cluster."
  }
}

variable "install_charts" {
  description = "Install what runs in the cluster. false makes only the AWS side, and nothing asks the cluster's API: for clusters whose API can't be reached from here; all charts, Flux itself among them, are then yours to install."
  type        = bool
  default     = true
}

variable "public_access_cidrs" {
  description = "Address ranges from which the public API endpoint answers, instead of the table's in terraform/main.tf. Empty: there is only the private endpoint, and charts are installed from inside the VPC."
  type        = list(string)
  default     = null
}

variable "access_entries" {
  description = "Who may use the Kubernetes API, besides the environment's deploy role and those of the table in terraform/main.tf: any name => IAM principal, EKS access policy, namespaces (none: all)."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default = {}
}

variable "create_access_entries" {
  description = "Make access entries. false where the EKS API has none, which is a simulator's case: nobody could use a real cluster then."
  type        = bool
  default     = true
}

variable "tag_cluster_security_group" {
  description = "Give the security group that EKS makes the environment's tags, and the one by which Karpenter finds it. false where the EKS API makes no such group, which is a simulator's case."
  type        = bool
  default     = true
}

variable "cluster_addons" {
  description = "Addons that a cluster can't do without: name => version, null for the default of the Kubernetes version when the addon is made."
  type        = map(string)
  default = {
    "vpc-cni"    = null
    "kube-proxy" = null
    "coredns"    = null
  }
}

variable "deletion_protection" {
  description = "EKS refuses to delete the cluster while this is true. null: as the table in terraform/main.tf says."
  type        = bool
  default     = null
}

variable "permissions_boundary" {
  description = "Put the environment's permissions boundary, which stacks/account makes, on all roles. false only in an account without it."
  type        = bool
  default     = true
}

variable "application_namespace" {
  description = "Namespace of the application: of its pull secret and its load tester."
  type        = string
  default     = "helloworld"
}

variable "git_url" {
  description = "Repository that Flux follows."
  type        = string
  default     = "https://github.com/damekarv/helloworld-infrastructure"
}

variable "git_ref" {
  description = "Reference that Flux follows, instead of the table's in terraform/main.tf."
  type        = string
  default     = null
}

variable "git_pull_secret" {
  description = "Secret in flux-system with read-only credentials for the repository. null: it is public."
  type        = string
  default     = null
}

variable "ghcr_username" {
  description = "Account that ghcr_token belongs to."
  type        = string
  default     = "damekarv"
}

variable "ghcr_token" {
  description = "Token with read:packages for the application's image, as TF_VAR_ghcr_token. Needed when ghcr-secret is made, or its revision raised; it is kept nowhere."
  type        = string
  sensitive   = true
  ephemeral   = true
  default     = null
}

variable "ghcr_token_revision" {
  description = "Raise it by one, and give ghcr_token, to have a new token written."
  type        = number
  default     = 1
}

variable "tofu_runner_policies" {
  description = "What Terraform runs of the tofu-controller may do in AWS: name of the policy => its JSON."
  type        = map(string)
  default     = {}
}
