# The bucket's name has the account's number in it, so it is given: -backend-config=bucket=helloworld-terraform-<account>-<region>
terraform {
  backend "s3" {
    key                  = "viney-infra/terraform.tfstate"
    workspace_key_prefix = "env"
    region               = "eu-west-1"

    encrypt = true
    # Named: without it the client asks for AES256, which the bucket refuses.
    kms_key_id = "alias/helloworld-terraform"

    # Both locks: the file is Terraform's way since 1.10, the table is what this platform was asked to have. Terraform warns
    # that the table's way is deprecated; the day it goes, the line goes.
    use_lockfile   = true
    dynamodb_table = "helloworld-terraform-locks"
  }
}
