data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  issuer   = "token.actions.githubusercontent.com"
  audience = "sts.amazonaws.com"

  prefixes = { for environment, settings in var.environments : environment => coalesce(settings.prefix, "${environment}-helloworld") }
}

# No thumbprint: IAM trusts the certificate authorities of GitHub's issuer.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = [local.audience]
  tags           = var.tags
}
