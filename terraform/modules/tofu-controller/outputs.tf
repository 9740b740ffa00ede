output "runner_role_arn" {
  description = "Role of the runners; null when they have none."
  value       = local.with_role ? module.irsa[0].role_arn : null
}
