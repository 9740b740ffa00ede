output "bucket" {
  description = "Name of the bucket, for -backend-config=bucket=…"
  value       = aws_s3_bucket.state.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.state.arn
}

output "lock_table" {
  description = "Name of the lock table."
  value       = aws_dynamodb_table.lock.name
}

output "lock_table_arn" {
  description = "ARN of the lock table."
  value       = aws_dynamodb_table.lock.arn
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts bucket and table."
  value       = aws_kms_key.this.arn
}

output "kms_alias" {
  description = "Alias of that key, for kms_key_id of the backend."
  value       = aws_kms_alias.this.name
}
