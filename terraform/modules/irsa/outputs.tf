output "role_arn" {
  description = "ARN of the role, for the annotation eks.amazonaws.com/role-arn of the service account."
  value       = aws_iam_role.this.arn
  # A controller that starts before its role may do anything logs errors and backs off for minutes.
  depends_on = [aws_iam_role_policy_attachment.own, aws_iam_role_policy_attachment.managed]
}

output "role_name" {
  description = "Name of the role."
  value       = aws_iam_role.this.name
}
