# EKS' own group lets in only its members, which are the nodes: a runner in the VPC comes with a group of its own. Without Karpenter's
# discovery tag, so no node gets this one.
resource "aws_security_group" "api" {
  name_prefix = "${var.name}-api-" # a name is taken while the group that is replaced still has it
  description = "Kubernetes API: HTTPS from inside the VPC"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-api" })

  # The description can't change in place; and the cluster holds on to the group that it has.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "api_https" {
  security_group_id = aws_security_group.api.id
  description       = "HTTPS from the VPC"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = var.vpc_cidr
  tags              = var.tags

  # With its group: the old one stays open until the cluster has the new one.
  lifecycle {
    create_before_destroy = true
  }
}
