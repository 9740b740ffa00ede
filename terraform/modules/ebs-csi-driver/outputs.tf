output "role_arn" {
  description = "Role of the driver's controller."
  value       = module.irsa.role_arn
}

output "storage_class" {
  description = "Name of the storage class."
  value       = "gp3"
}
