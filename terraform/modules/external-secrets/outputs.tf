output "role_arn" {
  description = "Role of the controller, for the annotation of its service account."
  value       = module.irsa.role_arn
}

output "store_name" {
  description = "Name of the ClusterSecretStore, for an ExternalSecret's secretStoreRef."
  value       = var.store_name
}
