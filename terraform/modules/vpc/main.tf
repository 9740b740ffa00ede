data "aws_region" "current" {}

locals {
  # Private: an eighth each (/19 of a /16), as every pod takes an address. Public: a 64th each (/22), from the last eighth. Half stays free.
  private_cidrs = { for index, zone in var.availability_zones : zone => cidrsubnet(var.cidr, 3, index) }
  public_cidrs  = { for index, zone in var.availability_zones : zone => cidrsubnet(var.cidr, 6, 56 + index) }

  nat_zones = var.single_nat_gateway ? slice(var.availability_zones, 0, 1) : var.availability_zones
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true # private endpoints of EKS and ECR are found by name
  tags                 = merge(var.tags, { Name = var.name })
}

# Every VPC has one that lets its members talk to each other. Without rules, whoever gets it by omission gets nothing.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-default-unused" })
}
