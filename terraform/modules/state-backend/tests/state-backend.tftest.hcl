mock_provider "aws" {
  override_during = plan # what has prevent_destroy can only be planned: a test could not clean it up

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }
}

variables {
  bucket_name     = "helloworld-terraform-111122223333-eu-west-1"
  lock_table_name = "helloworld-terraform-locks"
}

run "bucket" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "A broken state must be replaceable by the one before."
  }

  assert {
    condition     = alltrue([for block in [aws_s3_bucket_public_access_block.state] : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "Nothing in the bucket may become public."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == aws_kms_key.this.arn && aws_kms_key.this.enable_key_rotation
    error_message = "States are encrypted with a key of their own, which rotates."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.state.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "There are no ACLs."
  }
}

run "bucket_policy" {
  command = plan

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.state[0].policy).Statement : statement.Sid] == ["DenyWithoutTls", "DenyOtherEncryption"] && alltrue([for statement in jsondecode(aws_s3_bucket_policy.state[0].policy).Statement : statement.Effect == "Deny"])
    error_message = "The policy denies, and grants nothing."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.state[0].policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false" && jsondecode(aws_s3_bucket_policy.state[0].policy).Statement[0].Resource == ["arn:aws:s3:::helloworld-terraform-111122223333-eu-west-1", "arn:aws:s3:::helloworld-terraform-111122223333-eu-west-1/*"]
    error_message = "Bucket and objects are reached by TLS only."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.state[0].policy).Statement[1].Condition.StringNotEquals["s3:x-amz-server-side-encryption"] == "aws:kms"
    error_message = "Objects are encrypted by KMS only."
  }
}

run "old_versions" {
  command = plan

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.state.rule[0].noncurrent_version_expiration[0].noncurrent_days == 365 && aws_s3_bucket_lifecycle_configuration.state.rule[0].noncurrent_version_expiration[0].newer_noncurrent_versions == 20
    error_message = "Old states go after a year, the newest twenty never."
  }
}

run "lock_table" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.lock.hash_key == "LockID" && aws_dynamodb_table.lock.billing_mode == "PAY_PER_REQUEST"
    error_message = "Terraform's S3 backend wants the key LockID."
  }

  assert {
    condition     = aws_dynamodb_table.lock.deletion_protection_enabled && aws_dynamodb_table.lock.point_in_time_recovery[0].enabled && aws_dynamodb_table.lock.server_side_encryption[0].kms_key_arn == aws_kms_key.this.arn
    error_message = "The table is protected, restorable and encrypted with the same key."
  }
}

run "key" {
  command = plan

  assert {
    condition     = alltrue(flatten([for statement in jsondecode(aws_kms_key.this.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]]))
    error_message = "No wildcards in actions."
  }

  assert {
    condition     = output.kms_alias == "alias/helloworld-terraform" && aws_kms_alias.this.target_key_id == aws_kms_key.this.key_id
    error_message = "The alias is what backends name."
  }
}

run "refuses_dots" {
  command = plan

  variables {
    bucket_name = "hello.world"
  }

  expect_failures = [var.bucket_name]
}

run "refuses_short_memory" {
  command = plan

  variables {
    noncurrent_version_days = 7
  }

  expect_failures = [var.noncurrent_version_days]
}

run "refuses_aws_alias" {
  command = plan

  variables {
    kms_alias = "alias/aws/s3"
  }

  expect_failures = [var.kms_alias]
}
