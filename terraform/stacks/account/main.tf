data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  bucket  = "helloworld-terraform-${local.account}-${var.region}"
  table   = "helloworld-terraform-locks"
}

module "input" {
  source = "../.."

  environment = "dev" # any: only the list of environments is read
}

module "state_backend" {
  source = "../../modules/state-backend"

  bucket_name     = local.bucket
  lock_table_name = local.table

  noncurrent_versions_kept = var.noncurrent_versions_kept
  enforce_bucket_policy    = var.enforce_bucket_policy
}

module "github_oidc" {
  source = "../../modules/github-oidc"

  github_organization    = var.github_organization
  github_organization_id = var.github_organization_id
  github_repository      = var.github_repository
  github_repository_id   = var.github_repository_id
  accept_legacy_subject  = var.accept_legacy_subject
  provider_arn           = var.provider_arn
  plan_role              = var.plan_role
  environments           = { for environment in var.environments : environment => {} }

  state_bucket_arn     = module.state_backend.bucket_arn
  state_lock_table_arn = module.state_backend.lock_table_arn
  state_kms_key_arn    = module.state_backend.kms_key_arn
}
