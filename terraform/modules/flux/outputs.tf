output "namespace" {
  description = "Namespace of Flux, and name of its GitRepository and Kustomization."
  value       = local.namespace
}

output "git_ref" {
  description = "Reference that Flux follows."
  value       = var.git_ref
}

output "path" {
  description = "Folder of the repository that the cluster applies."
  value       = var.path
}
