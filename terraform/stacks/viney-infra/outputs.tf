output "environment" {
  description = "The environment, which is the workspace too."
  value       = var.environment
}

output "region" {
  description = "AWS region."
  value       = var.region
}

output "account_id" {
  description = "AWS account."
  value       = local.account_id
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = one(module.eks[*].cluster_name)
}

output "cluster_endpoint" {
  description = "URL of the Kubernetes API."
  value       = one(module.eks[*].cluster_endpoint)
}

output "cluster_version" {
  description = "Kubernetes version of the cluster."
  value       = one(module.eks[*].cluster_version)
}

output "configure_kubectl" {
  description = "The command that makes kubectl talk to the cluster."
  value       = local.enabled.eks ? "aws eks update-kubeconfig --name ${local.name} --region ${var.region}" : null
}

output "vpc_id" {
  description = "ID of the VPC."
  value       = module.vpc.vpc_id
}

output "private_subnet_ids" {
  description = "Subnets in which all nodes live."
  value       = module.vpc.private_subnet_ids
}

output "nat_public_ips" {
  description = "Addresses that the cluster's outgoing traffic comes from, for allow lists elsewhere."
  value       = module.vpc.nat_public_ips
}

output "oidc_provider_arn" {
  description = "The cluster's IAM OIDC provider, for IRSA roles that are made elsewhere."
  value       = one(module.eks[*].oidc_provider_arn)
}

output "role_arns" {
  description = "IAM roles by what they are for, for the annotations of service accounts where GitOps installs the charts. null: the module is off."
  value = {
    system_nodes             = one(module.eks[*].system_node_role_arn)
    karpenter                = one(module.karpenter[*].controller_role_arn)
    karpenter_nodes          = one(module.karpenter[*].node_role_arn)
    ebs_csi_driver           = one(module.ebs_csi_driver[*].role_arn)
    load_balancer_controller = one(module.aws_load_balancer_controller[*].role_arn)
    external_secrets         = one(module.external_secrets[*].role_arn)
    tofu_runner              = one(module.tofu_controller[*].runner_role_arn)
  }
}

output "karpenter_queue_name" {
  description = "Queue of interruption notices, for Karpenter's settings where GitOps installs it."
  value       = one(module.karpenter[*].queue_name)
}

output "prometheus_url" {
  description = "Prometheus inside the cluster."
  value       = one(module.prometheus[*].url)
}

output "flux_git_ref" {
  description = "Reference that Flux follows."
  value       = one(module.flux[*].git_ref)
}

output "flux_path" {
  description = "Folder of the repository that the cluster applies."
  value       = one(module.flux[*].path)
}

output "charts_installed" {
  description = "Whether Terraform installs what runs in the cluster."
  value       = local.charts
}

output "modules" {
  description = "Which modules are on."
  value       = local.enabled

  precondition {
    condition     = !local.enabled.flagger || local.enabled.prometheus
    error_message = "flagger needs prometheus: its analyses read metrics from it. Switch both on, or flagger off."
  }

  precondition {
    condition     = !local.enabled.tofu_controller || local.enabled.flux
    error_message = "tofu_controller needs flux: it reads Flux' sources. Switch both on, or tofu_controller off."
  }

  precondition {
    condition     = !local.charts || local.enabled.karpenter || !anytrue([local.enabled.prometheus])
    error_message = "prometheus needs karpenter: its pods don't tolerate the system nodes' taint. Switch both on, or prometheus off."
  }
}
