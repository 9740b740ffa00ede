# Rights on Terraform's states. A deploy role reads and writes its own environment's state and lock, and sees no other's.
locals {
  state_bucket = regex("[^:]+$", var.state_bucket_arn)

  # The state of a workspace lies below the prefix and the workspace's name; the default workspace's, which is never used, at the bare key.
  state_keys = { for environment in keys(var.environments) : environment => "${var.workspace_key_prefix}/${environment}/${var.state_key}" }

  state_list = {
    Sid      = "ListStates"
    Effect   = "Allow"
    Action   = "s3:ListBucket"
    Resource = var.state_bucket_arn
    # The backend finds its workspaces by listing the prefix.
    Condition = { StringLike = { "s3:prefix" = ["${var.workspace_key_prefix}/", "${var.workspace_key_prefix}/*", var.state_key] } }
  }

  state_key_actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
  state_key_use     = { StringEquals = { "kms:ViaService" = ["s3.${local.region}.amazonaws.com", "dynamodb.${local.region}.amazonaws.com"] } }

  # A lock's id is bucket/key; the state's checksum lies beside it.
  lock_ids = { for environment, key in local.state_keys : environment => ["${local.state_bucket}/${key}", "${local.state_bucket}/${key}-md5"] }

  state_documents = {
    for environment, key in local.state_keys : environment => {
      Version = "2012-10-17"
      Statement = [
        local.state_list,
        {
          Sid      = "StateAndLockFile"
          Effect   = "Allow"
          Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
          Resource = ["${var.state_bucket_arn}/${key}", "${var.state_bucket_arn}/${key}.tflock"]
        },
        {
          Sid      = "DefaultWorkspace"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${var.state_bucket_arn}/${var.state_key}"
        },
        {
          Sid       = "LockAndChecksum"
          Effect    = "Allow"
          Action    = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
          Resource  = var.state_lock_table_arn
          Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = local.lock_ids[environment] } }
        },
        {
          Sid       = "StateKey"
          Effect    = "Allow"
          Action    = local.state_key_actions
          Resource  = var.state_kms_key_arn
          Condition = local.state_key_use
        },
      ]
    }
  }
}
