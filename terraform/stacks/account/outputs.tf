output "bucket" {
  description = "Bucket of the states, for -backend-config=bucket=…"
  value       = module.state_backend.bucket
}

output "lock_table" {
  description = "Table of the locks."
  value       = module.state_backend.lock_table
}

output "kms_key_arn" {
  description = "Key that encrypts bucket and table."
  value       = module.state_backend.kms_key_arn
}

output "role_arns" {
  description = "Environment => deploy role, for the secret AWS_ROLE_ARN of the GitHub environment."
  value       = module.github_oidc.role_arns
}

output "plan_role_arn" {
  description = "Read-only role for plans on pull requests, of which no workflow here makes any. null: plan_role is off."
  value       = module.github_oidc.plan_role_arn
}

output "permissions_boundary_arns" {
  description = "Environment => boundary that every role of its stack carries."
  value       = module.github_oidc.permissions_boundary_arns
}
