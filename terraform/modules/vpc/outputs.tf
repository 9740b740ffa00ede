output "vpc_id" {
  description = "ID of the VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Address range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "private_subnet_ids" {
  description = "IDs of the private subnets in the order of the zones: all nodes live here."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]
  # Whoever lives in them needs the way out, from the first node that joins to the last load balancer that a destroy takes away.
  depends_on = [
    aws_route.private_nat,
    aws_route_table_association.private,
    aws_vpc_endpoint.s3,
    aws_vpc_endpoint.interface,
  ]
}

output "public_subnet_ids" {
  description = "IDs of the public subnets in the order of the zones: NAT gateways and internet-facing load balancers only."
  value       = [for zone in var.availability_zones : aws_subnet.public[zone].id]
}

output "nat_public_ips" {
  description = "Addresses that the cluster's outgoing traffic comes from, for allow lists elsewhere."
  value       = [for zone in local.nat_zones : aws_eip.nat[zone].public_ip]
}
