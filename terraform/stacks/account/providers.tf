provider "aws" {
  region              = var.region
  allowed_account_ids = var.account_id == null ? null : [var.account_id]
  s3_use_path_style   = var.s3_use_path_style

  default_tags {
    # No tag Environment: what has one is closed to all other environments' roles, and these here share the states.
    tags = {
      Project   = "helloworld"
      Stack     = "account"
      ManagedBy = "terraform"
    }
  }
}
