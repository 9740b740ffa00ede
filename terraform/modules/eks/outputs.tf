output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "cluster_endpoint" {
  description = "URL of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
  # Whoever talks to the API needs an access entry, and its pods need nodes and DNS.
  depends_on = [aws_eks_access_policy_association.this, aws_eks_node_group.system, aws_eks_addon.after_nodes]
}

output "cluster_certificate_authority_data" {
  description = "The API's certificate authority, base64."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "cluster_version" {
  description = "Kubernetes version of the control plane."
  value       = aws_eks_cluster.this.version
}

output "oidc_provider_arn" {
  description = "ARN of the cluster's IAM OIDC provider, for IRSA."
  value       = aws_iam_openid_connect_provider.this.arn
}

output "oidc_issuer" {
  description = "The cluster's OIDC issuer as host and path, without https://, for IRSA."
  value       = local.oidc_issuer
}

output "cluster_security_group_id" {
  description = "Security group that EKS makes for control plane and nodes; the one with Karpenter's discovery tag."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "kms_key_arn" {
  description = "Key that encrypts Kubernetes secrets and the control plane's logs."
  value       = aws_kms_key.this.arn
}

output "system_node_role_arn" {
  description = "Role of the system nodes."
  value       = aws_iam_role.node.arn
}
