locals {
  # What AWS tells beforehand, so that Karpenter drains a node before it goes.
  events = {
    health               = { source = "aws.health", detail_type = "AWS Health Event" }
    spot-interruption    = { source = "aws.ec2", detail_type = "EC2 Spot Instance Interruption Warning" }
    rebalance            = { source = "aws.ec2", detail_type = "EC2 Instance Rebalance Recommendation" }
    state-change         = { source = "aws.ec2", detail_type = "EC2 Instance State-change Notification" }
    capacity-reservation = { source = "aws.ec2", detail_type = "EC2 Capacity Reservation Instance Interruption Warning" }
  }

  queue_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "EventsOfTheseRules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.interruption.arn
        # Whoever can write to the queue can make Karpenter drain nodes.
        Condition = { ArnEquals = { "aws:SourceArn" = [for rule in values(aws_cloudwatch_event_rule.interruption) : rule.arn] } }
      },
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*" # a Deny: all actions, so that none is forgotten
        Resource  = aws_sqs_queue.interruption.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  }
}

resource "aws_sqs_queue" "interruption" {
  name                      = "${var.name}-karpenter"
  message_retention_seconds = 300 # a warning that is older is about an instance that is gone
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "interruption" {
  queue_url = aws_sqs_queue.interruption.url
  policy    = jsonencode(local.queue_policy)
}

resource "aws_cloudwatch_event_rule" "interruption" {
  for_each = local.events

  name        = "${var.name}-karpenter-${each.key}"
  description = "${each.value.detail_type}, for Karpenter of ${var.name}"
  tags        = var.tags

  event_pattern = jsonencode({
    source      = [each.value.source]
    detail-type = [each.value.detail_type]
  })
}

resource "aws_cloudwatch_event_target" "interruption" {
  for_each = local.events

  rule      = aws_cloudwatch_event_rule.interruption[each.key].name
  target_id = "karpenter"
  arn       = aws_sqs_queue.interruption.arn
}
