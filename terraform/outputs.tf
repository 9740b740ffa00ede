output "settings" {
  description = "All that differs by environment, for the stack to hand on to its modules."
  value       = local.settings
}

output "environments" {
  description = "Names of all environments in the table."
  value       = local.names
}
