# Bucket, table and key may not be destroyed with the rest: without the states nothing that Terraform made can be changed by it any more.
resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_18:CloudTrail's data events tell who read a state; a second bucket for logs would need one for its own.
  #checkov:skip=CKV_AWS_144:Versions and the key's deletion window are for mistakes; a region that is lost takes what the states describe with it.
  #checkov:skip=CKV2_AWS_62:Nothing is to be triggered by a state that changes.
  bucket = var.bucket_name
  tags   = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    bucket_key_enabled = true # one call to KMS for many objects

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket = aws_s3_bucket.state.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    object_ownership = "BucketOwnerEnforced" # no ACLs at all
  }
}

resource "aws_s3_bucket_policy" "state" {
  count = var.enforce_bucket_policy ? 1 : 0

  bucket = aws_s3_bucket.state.id
  policy = jsonencode(local.bucket_policy)

  # Two changes of access at the same time: S3 refuses one with a conflict.
  depends_on = [aws_s3_bucket_public_access_block.state, aws_s3_bucket_ownership_controls.state]
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days           = var.noncurrent_version_days
      newer_noncurrent_versions = var.noncurrent_versions_kept > 0 ? var.noncurrent_versions_kept : null
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Rules on versions mean nothing before there are versions.
  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_dynamodb_table" "lock" {
  name                        = var.lock_table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "LockID"
  deletion_protection_enabled = true
  tags                        = var.tags

  attribute {
    name = "LockID"
    type = "S"
  }

  # It also holds the states' checksums: without them Terraform can't tell a stale read.
  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this.arn
  }

  lifecycle {
    prevent_destroy = true
  }
}
