output "controller_role_arn" {
  description = "Role of the controller, for the annotation of its service account."
  value       = module.irsa.role_arn
}

output "node_role_name" {
  description = "Name of the nodes' role, for EC2NodeClass.spec.role."
  value       = aws_iam_role.node.name
}

output "node_role_arn" {
  description = "ARN of the nodes' role."
  value       = aws_iam_role.node.arn
}

output "queue_name" {
  description = "Queue of interruption notices, for the chart's settings.interruptionQueue."
  value       = aws_sqs_queue.interruption.name
}
