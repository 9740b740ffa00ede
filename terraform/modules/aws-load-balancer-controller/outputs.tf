output "role_arn" {
  description = "Role of the controller, for the annotation of its service account."
  value       = module.irsa.role_arn
}
