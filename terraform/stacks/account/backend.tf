# The bucket comes with -backend-config=bucket=helloworld-terraform-<account id>-<region>. The first time it is not there yet: see README.md.
terraform {
  backend "s3" {
    key            = "account/terraform.tfstate"
    region         = "eu-west-1"
    encrypt        = true
    kms_key_id     = "alias/helloworld-terraform" # without it, encrypt means S3's own key, which the bucket refuses
    use_lockfile   = true
    dynamodb_table = "helloworld-terraform-locks"
  }
}
