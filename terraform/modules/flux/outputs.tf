output "namespace" {
  description = "Namespace of Flux, and name of its GitRepository and Kustomization."
  value       = local.namespace
}

output "path" {
  description = "Folder of the repository that the cluster applies."
  value       = var.path
}
