variable "git_url" {
  description = "Repository that Flux follows, over https or ssh."
  type        = string

  validation {
    condition     = can(regex("^(https://[^@]+|ssh://[^:]+)$", var.git_url))
    error_message = "git_url begins with https:// or ssh:// and holds no password: credentials belong into the secret that pull_secret names."
  }
}

variable "git_ref" {
  description = "Reference that Flux follows, as refs/heads/main."
  type        = string
  default     = "refs/heads/main"

  validation {
    condition     = can(regex("^refs/(heads|tags)/[A-Za-z0-9._/-]+$", var.git_ref))
    error_message = "git_ref is a full reference, as refs/heads/main."
  }
}

variable "path" {
  description = "Folder of the repository that this cluster applies, as clusters/dev."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.path)) && !strcontains(var.path, "..")
    error_message = "path is a folder inside the repository, without a slash at its ends, as clusters/dev."
  }
}

variable "interval" {
  description = "How often Flux looks for new commits."
  type        = string
  default     = "1m"

  validation {
    condition     = can(regex("^([0-9]+(h|m|s))+$", var.interval))
    error_message = "interval is a duration, as 1m."
  }
}

variable "pull_secret" {
  description = "Secret in flux-system with read-only credentials (username and password, or identity and known_hosts). null: the repository is public."
  type        = string
  default     = null
}

variable "flux_version" {
  description = "Minor version of Flux; the operator keeps the patch current."
  type        = string
  default     = "2.9.x"

  validation {
    condition     = can(regex("^2\\.[0-9]+\\.x$", var.flux_version))
    error_message = "flux_version is a minor version, as 2.9.x."
  }
}

variable "components" {
  description = "Controllers of Flux."
  type        = list(string)
  default     = ["source-controller", "kustomize-controller", "helm-controller", "notification-controller"]

  validation {
    condition     = length(setsubtract(["source-controller", "kustomize-controller", "helm-controller"], var.components)) == 0
    error_message = "components holds at least source-controller, kustomize-controller and helm-controller: clusters/ needs them."
  }
}

variable "size" {
  description = "Resources and concurrency of the controllers: small, medium or large."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "size is small, medium or large."
  }
}

variable "install_chart" {
  description = "Install the charts. false makes nothing: the module has no AWS side."
  type        = bool
  default     = true
}

# renovate: datasource=docker depName=ghcr.io/controlplaneio-fluxcd/charts/flux-operator
variable "chart_version" {
  description = "Version of the chart flux-operator, which is the operator's."
  type        = string
  default     = "0.59.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is an exact version without v, as 0.59.0."
  }
}
