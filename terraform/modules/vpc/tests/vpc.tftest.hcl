mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/vpc/dev-helloworld/flow-logs" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/dev-helloworld-flow-logs" }
  }
}

variables {
  name               = "dev-helloworld"
  cidr               = "10.10.0.0/16"
  availability_zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
}

run "one_gateway_a_zone" {
  command = apply

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(output.nat_public_ips) == 3
    error_message = "By default there is a NAT gateway in each zone."
  }

  assert {
    condition     = alltrue([for zone in var.availability_zones : aws_route.private_nat[zone].nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "Each zone's traffic must leave by its own zone's gateway."
  }

  assert {
    condition     = alltrue([for zone in var.availability_zones : aws_nat_gateway.this[zone].subnet_id == aws_subnet.public[zone].id])
    error_message = "NAT gateways live in public subnets."
  }
}

run "single_gateway" {
  command = apply

  variables {
    single_nat_gateway = true
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-west-1a"] && length(aws_eip.nat) == 1
    error_message = "There must be one gateway, with one address."
  }

  assert {
    condition     = alltrue([for route in values(aws_route.private_nat) : route.nat_gateway_id == aws_nat_gateway.this["eu-west-1a"].id]) && length(aws_route.private_nat) == 3
    error_message = "All zones must leave by the one gateway."
  }
}

run "private_subnets" {
  command = apply

  assert {
    condition     = [for zone in var.availability_zones : aws_subnet.private[zone].cidr_block] == ["10.10.0.0/19", "10.10.32.0/19", "10.10.64.0/19"]
    error_message = "Private subnets are the first three eighths of the range."
  }

  assert {
    condition     = alltrue([for subnet in values(aws_subnet.private) : subnet.tags["karpenter.sh/discovery"] == "dev-helloworld" && subnet.tags["kubernetes.io/role/internal-elb"] == "1"])
    error_message = "Karpenter and internal load balancers find private subnets by their tags."
  }

  assert {
    condition     = alltrue([for route in values(aws_route.private_nat) : route.gateway_id == null || route.gateway_id == ""]) && length(aws_route_table.private) == 3
    error_message = "Nothing in a private subnet may be reached from the internet gateway."
  }

  assert {
    condition     = output.private_subnet_ids == [for zone in var.availability_zones : aws_subnet.private[zone].id]
    error_message = "The output must be the private subnets, in the order of the zones."
  }
}

run "public_subnets" {
  command = apply

  assert {
    condition     = [for zone in var.availability_zones : aws_subnet.public[zone].cidr_block] == ["10.10.224.0/22", "10.10.228.0/22", "10.10.232.0/22"]
    error_message = "Public subnets come from the last eighth of the range."
  }

  assert {
    condition     = alltrue([for subnet in values(aws_subnet.public) : subnet.tags["kubernetes.io/role/elb"] == "1" && !contains(keys(subnet.tags), "karpenter.sh/discovery") && !subnet.map_public_ip_on_launch])
    error_message = "Public subnets are for load balancers: no nodes, no addresses by default."
  }
}

run "endpoints" {
  command = apply

  assert {
    condition     = aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-west-1.s3" && length(aws_vpc_endpoint.s3.route_table_ids) == 3
    error_message = "S3 must be reached from all private subnets by the gateway endpoint."
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "sts"] && alltrue([for endpoint in values(aws_vpc_endpoint.interface) : endpoint.private_dns_enabled && endpoint.security_group_ids == toset([aws_security_group.endpoints.id])])
    error_message = "ECR and STS must be reached by interface endpoints under their usual names."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints_https.cidr_ipv4 == var.cidr && aws_vpc_security_group_ingress_rule.endpoints_https.from_port == 443 && aws_vpc_security_group_ingress_rule.endpoints_https.to_port == 443
    error_message = "Endpoints answer to HTTPS from inside the VPC only."
  }

  assert {
    condition     = aws_security_group.endpoints.name_prefix == "dev-helloworld-endpoints-"
    error_message = "A new group must not need the name of the old one, which goes after it."
  }
}

run "flow_logs" {
  command = apply

  variables {
    flow_log_retention_days  = 14
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/helloworld-boundary-dev"
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow_logs.retention_in_days == 14 && aws_cloudwatch_log_group.flow_logs.kms_key_id == aws_kms_key.flow_logs.arn
    error_message = "All traffic is logged, encrypted, for as long as asked."
  }

  assert {
    condition     = jsondecode(aws_iam_role.flow_logs.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "Only this account's flow logs may use the role."
  }

  assert {
    condition     = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.flow_logs.policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]]))
    error_message = "No wildcards in actions."
  }

  assert {
    condition     = aws_iam_role.flow_logs.permissions_boundary == var.permissions_boundary_arn
    error_message = "The role must carry the permissions boundary."
  }

  assert {
    condition     = aws_kms_key.flow_logs.enable_key_rotation && alltrue(flatten([for statement in jsondecode(aws_kms_key.flow_logs.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]]))
    error_message = "The key rotates, and its policy lists actions."
  }
}

run "default_security_group_has_no_rules" {
  command = plan

  assert {
    condition     = length(coalesce(aws_default_security_group.this.ingress, [])) == 0 && length(coalesce(aws_default_security_group.this.egress, [])) == 0
    error_message = "Whoever gets the default group by omission must get nothing."
  }
}

run "refuses_two_zones" {
  command = plan

  variables {
    availability_zones = ["eu-west-1a", "eu-west-1b"]
  }

  expect_failures = [var.availability_zones]
}

run "refuses_zones_of_two_regions" {
  command = plan

  variables {
    availability_zones = ["eu-west-1a", "eu-west-1b", "eu-central-1a"]
  }

  expect_failures = [var.availability_zones]
}

run "refuses_what_is_no_zone" {
  command = plan

  variables {
    availability_zones = ["eu-west-1eu-west-1a", "eu-west-1eu-west-1b", "eu-west-1eu-west-1c"]
  }

  expect_failures = [var.availability_zones]
}

run "refuses_small_range" {
  command = plan

  variables {
    cidr = "10.10.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "refuses_odd_retention" {
  command = plan

  variables {
    flow_log_retention_days = 15
  }

  expect_failures = [var.flow_log_retention_days]
}
