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
  mock_data "aws_default_tags" {
    defaults = { tags = { Environment = "dev" } }
  }
  mock_data "aws_subnet" {
    defaults = { vpc_id = "vpc-0123456789abcdef0", map_public_ip_on_launch = false }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/eks/dev-helloworld/cluster" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/dev-helloworld-mock" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 1 }
  }
  mock_resource "aws_eks_addon" {
    defaults = { addon_version = "v9.9.9-eksbuild.1" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = {
      arn                   = "arn:aws:eks:eu-west-1:111122223333:cluster/dev-helloworld"
      endpoint              = "https://ABC.gr7.eu-west-1.eks.amazonaws.com"
      certificate_authority = [{ data = "Y2E=" }]
      identity              = [{ oidc = [{ issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC" }] }]
    }
  }
}

variables {
  name                = "dev-helloworld"
  kubernetes_version  = "1.35"
  vpc_id              = "vpc-0123456789abcdef0"
  vpc_cidr            = "10.10.0.0/16"
  subnet_ids          = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
  public_access_cidrs = ["203.0.113.0/24"]

  system_node_group = {
    instance_types = ["t3.large"]
    min_size       = 2
    max_size       = 3
    desired_size   = 2
  }
}

run "control_plane" {
  command = apply

  assert {
    condition     = aws_eks_cluster.this.name == "dev-helloworld" && aws_eks_cluster.this.version == "1.35"
    error_message = "Name and version must be those asked for."
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Access comes from access entries alone, and nobody is an administrator by having run the first apply."
  }

  assert {
    condition     = aws_eks_cluster.this.enabled_cluster_log_types == toset(["api", "audit", "authenticator", "controllerManager", "scheduler"]) && aws_cloudwatch_log_group.this.name == "/aws/eks/dev-helloworld/cluster"
    error_message = "All of the control plane's logs are kept, in a group of which Terraform sets the retention."
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"]) && aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == aws_kms_key.this.arn && aws_kms_key.this.enable_key_rotation
    error_message = "Secrets are encrypted with a key of the cluster's own, which rotates."
  }

  assert {
    condition     = aws_eks_cluster.this.deletion_protection && aws_eks_cluster.this.upgrade_policy[0].support_type == "STANDARD"
    error_message = "Protected and without extended support's price, unless asked otherwise."
  }

  assert {
    condition     = output.oidc_issuer == "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
    error_message = "The issuer is handed on without https://."
  }

  assert {
    condition     = aws_iam_openid_connect_provider.this.client_id_list == toset(["sts.amazonaws.com"])
    error_message = "Service accounts' tokens are for STS."
  }
}

run "public_endpoint_is_limited" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.0/24"])
    error_message = "The public endpoint answers to the given ranges only."
  }
}

run "private_endpoint_answers_the_vpc" {
  command = apply

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].security_group_ids == toset([aws_security_group.api.id])
    error_message = "EKS' own group lets in only its members: a runner in the VPC has another."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.api_https.security_group_id == aws_security_group.api.id && aws_vpc_security_group_ingress_rule.api_https.cidr_ipv4 == "10.10.0.0/16" && aws_vpc_security_group_ingress_rule.api_https.from_port == 443 && aws_vpc_security_group_ingress_rule.api_https.to_port == 443
    error_message = "The API answers to HTTPS from inside the VPC only."
  }

  assert {
    condition     = aws_security_group.api.name_prefix == "dev-helloworld-api-" && !contains(keys(aws_security_group.api.tags), "karpenter.sh/discovery")
    error_message = "A new group must not need the old one's name, and no node may get it."
  }
}

run "refuses_public_subnets" {
  command = plan

  override_data {
    target = data.aws_subnet.this
    values = { vpc_id = "vpc-0123456789abcdef0", map_public_ip_on_launch = true }
  }

  expect_failures = [aws_eks_cluster.this]
}

run "refuses_subnets_of_another_vpc" {
  command = plan

  variables {
    vpc_id = "vpc-0fedcba9876543210"
  }

  expect_failures = [aws_eks_cluster.this]
}

run "no_ranges_no_public_endpoint" {
  command = plan

  variables {
    public_access_cidrs = []
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "Without ranges there is only the private endpoint."
  }
}

run "refuses_the_whole_internet" {
  command = plan

  variables {
    public_access_cidrs = ["203.0.113.0/24", "0.0.0.0/0"]
  }

  expect_failures = [var.public_access_cidrs]
}

run "refuses_half_the_internet" {
  command = plan

  variables {
    public_access_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [var.public_access_cidrs]
}

run "system_nodes" {
  command = apply

  assert {
    condition     = aws_eks_node_group.system.subnet_ids == toset(var.subnet_ids) && aws_eks_node_group.system.version == "1.35"
    error_message = "System nodes live in the given, private subnets and have the control plane's version."
  }

  assert {
    condition     = one(aws_eks_node_group.system.taint).key == "CriticalAddonsOnly" && one(aws_eks_node_group.system.taint).effect == "NO_SCHEDULE" && aws_eks_node_group.system.labels["karpenter.sh/controller"] == "true"
    error_message = "Applications must not land on the nodes that Karpenter runs on."
  }

  assert {
    condition     = aws_launch_template.system.metadata_options[0].http_tokens == "required" && aws_launch_template.system.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "Pods must not get the node's credentials."
  }

  assert {
    condition     = tostring(aws_launch_template.system.block_device_mappings[0].ebs[0].encrypted) == "true" && aws_launch_template.system.block_device_mappings[0].ebs[0].volume_type == "gp3"
    error_message = "Disks are encrypted gp3."
  }

  assert {
    condition     = alltrue([for specification in aws_launch_template.system.tag_specifications : specification.tags["Environment"] == "dev"]) && length(aws_launch_template.system.tag_specifications) == 3
    error_message = "The provider's default tags must reach instances, volumes and interfaces."
  }

  assert {
    condition     = !contains(keys(aws_iam_role_policy_attachment.node), "AmazonEKS_CNI_Policy") && length(aws_iam_role_policy_attachment.node) == 3
    error_message = "Nodes don't have the CNI's rights."
  }
}

run "addons" {
  command = apply

  variables {
    addons = {
      "vpc-cni" = null
      "coredns" = "v1.12.4-eksbuild.1"
    }
  }

  assert {
    condition     = keys(aws_eks_addon.before_nodes) == ["vpc-cni"] && keys(aws_eks_addon.after_nodes) == ["coredns"]
    error_message = "The network comes before the first node, DNS after it."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "Network policies must be enforced."
  }

  assert {
    condition     = aws_eks_addon.before_nodes["vpc-cni"].service_account_role_arn != null && aws_eks_addon.before_nodes["vpc-cni"].addon_version == "v9.9.9-eksbuild.1"
    error_message = "The CNI has a role of its own; null leaves its version to EKS."
  }

  assert {
    condition     = aws_eks_addon.after_nodes["coredns"].addon_version == "v1.12.4-eksbuild.1"
    error_message = "A given version is taken."
  }
}

run "addons_stay" {
  command = plan

  variables {
    kubernetes_version = "1.36"
    addons = {
      "vpc-cni" = null
      "coredns" = "v1.12.4-eksbuild.1"
    }
  }

  assert {
    condition     = aws_eks_addon.before_nodes["vpc-cni"].addon_version == "v9.9.9-eksbuild.1"
    error_message = "Without a version, an addon stays at the one that it has, whatever AWS' default is by now."
  }
}

run "no_addons" {
  command = plan

  variables {
    addons = {}
  }

  assert {
    condition     = length(aws_eks_addon.before_nodes) + length(aws_eks_addon.after_nodes) == 0
    error_message = "An empty map is no addons."
  }
}

run "access_entries" {
  command = apply

  variables {
    access_entries = {
      deploy = { principal_arn = "arn:aws:iam::111122223333:role/helloworld-deploy-dev", policy = "AmazonEKSClusterAdminPolicy" }
      team   = { principal_arn = "arn:aws:iam::111122223333:role/team", policy = "AmazonEKSViewPolicy", namespaces = ["helloworld"] }
    }
  }

  assert {
    condition     = aws_eks_access_policy_association.this["deploy"].access_scope[0].type == "cluster" && aws_eks_access_policy_association.this["deploy"].policy_arn == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    error_message = "Without namespaces, a policy is for the cluster."
  }

  assert {
    condition     = aws_eks_access_policy_association.this["team"].access_scope[0].type == "namespace" && aws_eks_access_policy_association.this["team"].access_scope[0].namespaces == toset(["helloworld"])
    error_message = "With namespaces, a policy is for those."
  }
}

run "karpenter_finds_one_security_group" {
  command = apply

  assert {
    condition     = aws_ec2_tag.karpenter_discovery[0].key == "karpenter.sh/discovery" && aws_ec2_tag.karpenter_discovery[0].value == "dev-helloworld" && aws_ec2_tag.karpenter_discovery[0].resource_id == aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
    error_message = "The cluster's own security group, and no other, has Karpenter's tag."
  }
}

run "cluster_security_group_has_the_tags" {
  command = apply

  variables {
    tags = { Project = "helloworld", Environment = "dev" }
  }

  assert {
    condition     = { for key, tag in aws_ec2_tag.cluster_security_group : key => tag.value } == { Project = "helloworld", Environment = "dev" } && alltrue([for tag in values(aws_ec2_tag.cluster_security_group) : tag.resource_id == aws_eks_cluster.this.vpc_config[0].cluster_security_group_id])
    error_message = "Without the tag Environment the group is open to roles of other environments."
  }
}

run "leaves_the_cluster_security_group_alone" {
  command = plan

  variables {
    tags                       = { Environment = "dev" }
    tag_cluster_security_group = false
  }

  assert {
    condition     = length(aws_ec2_tag.cluster_security_group) + length(aws_ec2_tag.karpenter_discovery) == 0
    error_message = "A simulator makes no such group."
  }
}

run "refuses_a_range_that_is_none" {
  command = plan

  variables {
    vpc_cidr = "10.10.0.0"
  }

  expect_failures = [var.vpc_cidr]
}

run "roles_carry_the_boundary" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/helloworld-boundary-dev"
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role.cluster, aws_iam_role.node] : role.permissions_boundary == var.permissions_boundary_arn && startswith(role.name, "dev-helloworld-")])
    error_message = "The deploy role can only make roles with the environment's prefix and its boundary."
  }
}

run "key_policy_lists_actions" {
  command = apply

  assert {
    condition     = alltrue(flatten([for statement in jsondecode(aws_kms_key.this.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]]))
    error_message = "No wildcards in actions."
  }

  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[1].Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/eks/dev-helloworld/cluster"
    error_message = "CloudWatch may use the key for this cluster's log group only."
  }
}

run "refuses_one_system_node" {
  command = plan

  variables {
    system_node_group = {
      instance_types = ["t3.large"]
      min_size       = 1
      max_size       = 3
      desired_size   = 1
    }
  }

  expect_failures = [var.system_node_group]
}

run "refuses_a_patch_version" {
  command = plan

  variables {
    kubernetes_version = "1.35.2"
  }

  expect_failures = [var.kubernetes_version]
}

run "refuses_a_session_as_principal" {
  command = plan

  variables {
    access_entries = {
      me = { principal_arn = "arn:aws:sts::111122223333:assumed-role/team/me", policy = "AmazonEKSViewPolicy" }
    }
  }

  expect_failures = [var.access_entries]
}

run "refuses_a_role_of_identity_center_without_its_path" {
  command = plan

  variables {
    access_entries = {
      me = { principal_arn = "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef", policy = "AmazonEKSViewPolicy" }
    }
  }

  expect_failures = [var.access_entries]
}

run "takes_a_role_with_its_path" {
  command = plan

  variables {
    access_entries = {
      me = {
        principal_arn = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef"
        policy        = "AmazonEKSViewPolicy"
      }
    }
  }

  assert {
    condition     = strcontains(aws_eks_access_entry.this["me"].principal_arn, "/aws-reserved/")
    error_message = "The entry names the role as IAM does."
  }
}
