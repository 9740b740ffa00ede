output "role_arns" {
  description = "Environment => ARN of its deploy role, for the environment's secret AWS_ROLE_ARN."
  value       = { for environment, role in aws_iam_role.deploy : environment => role.arn }
}

output "plan_role_arn" {
  description = "ARN of the read-only role for plans on pull requests. null: plan_role is off."
  value       = one(aws_iam_role.plan[*].arn)
}

output "provider_arn" {
  description = "ARN of GitHub's OIDC provider."
  value       = local.provider_arn
}

output "permissions_boundary_arns" {
  description = "Environment => ARN of the boundary that every role of its stack must carry."
  value       = { for environment, boundary in aws_iam_policy.boundary : environment => boundary.arn }
}

output "policy_names" {
  description = "Names of all policies that the module makes, boundaries too."
  value       = sort([for policy in concat(values(aws_iam_policy.deploy), values(aws_iam_policy.plan), values(aws_iam_policy.boundary)) : policy.name])
}
