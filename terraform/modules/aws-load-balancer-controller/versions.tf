terraform {
  required_version = ">= 1.11"

  required_providers {
    # tflint-ignore: terraform_unused_required_providers # of a part; named here so that tests simulate it
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.28"
    }
    helm = {
      source  = "hashicorp/helm"
      version = ">= 3.0"
    }
  }
}
