# With plan_role: reads what the stack has made, in all environments, to compare it with the code. It writes nothing, so plans run with -lock=false.
locals {
  all = { for kind in ["roles", "policies", "queues", "rules"] : kind => [for environment in sort(keys(var.environments)) : local.resources[environment][kind]] }

  plan_documents = {
    read = {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "Describe"
          Effect   = "Allow"
          Action   = concat(local.read.ec2, local.lists)
          Resource = "*" # none of these has a resource-level permission
        },
        {
          Sid      = "Cluster"
          Effect   = "Allow"
          Action   = local.read.eks
          Resource = flatten([for environment in sort(keys(var.environments)) : local.resources[environment].eks])
        },
        {
          Sid      = "Roles"
          Effect   = "Allow"
          Action   = local.read.iam_roles
          Resource = concat(local.all.roles, [for service in local.linked_services : "arn:${local.partition}:iam::${local.account}:role/aws-service-role/${service}/*"])
        },
        {
          Sid      = "Policies"
          Effect   = "Allow"
          Action   = local.read.iam_policies
          Resource = local.all.policies
        },
        {
          Sid      = "ClusterIssuers"
          Effect   = "Allow"
          Action   = local.read.iam_providers
          Resource = local.eks_issuers
        },
        {
          Sid       = "Keys"
          Effect    = "Allow"
          Action    = local.read.kms
          Resource  = "arn:${local.partition}:kms:${local.region}:${local.account}:key/*"
          Condition = { StringEquals = { "aws:ResourceTag/Environment" = keys(var.environments) } }
        },
        {
          Sid      = "Logs"
          Effect   = "Allow"
          Action   = local.read.logs
          Resource = flatten([for environment in sort(keys(var.environments)) : local.resources[environment].logs])
        },
        {
          Sid      = "Queues"
          Effect   = "Allow"
          Action   = local.read.sqs
          Resource = local.all.queues
        },
        {
          Sid      = "Rules"
          Effect   = "Allow"
          Action   = local.read.events
          Resource = local.all.rules
        },
      ]
    }

    state = {
      Version = "2012-10-17"
      Statement = [
        local.state_list,
        {
          Sid      = "States"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = concat([for environment in sort(keys(var.environments)) : "${var.state_bucket_arn}/${local.state_keys[environment]}"], ["${var.state_bucket_arn}/${var.state_key}"])
        },
        {
          Sid       = "Checksums"
          Effect    = "Allow"
          Action    = "dynamodb:GetItem"
          Resource  = var.state_lock_table_arn
          Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = flatten([for environment in sort(keys(var.environments)) : local.lock_ids[environment]]) } }
        },
        {
          Sid       = "StateKey"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:DescribeKey"]
          Resource  = var.state_kms_key_arn
          Condition = local.state_key_use
        },
      ]
    }
  }
}
