mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/dev-helloworld-mock" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mock" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-west-1:111122223333:dev-helloworld-karpenter"
      url = "https://sqs.eu-west-1.amazonaws.com/111122223333/dev-helloworld-karpenter"
    }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/dev-helloworld-karpenter-mock" }
  }
}

mock_provider "helm" {}

variables {
  name              = "dev-helloworld"
  cluster_endpoint  = "https://ABC.gr7.eu-west-1.eks.amazonaws.com"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  oidc_issuer       = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  capacity_types    = ["spot", "on-demand"]
  cpu_limit         = 32
  memory_limit      = "128Gi"
  ami_alias         = "al2023@v20260903"
  tags              = { Environment = "dev" }
}

run "spot_first_where_allowed" {
  command = apply

  assert {
    condition     = yamldecode(helm_release.nodes[0].values[0]).capacityTypes == ["spot", "on-demand"]
    error_message = "The NodePool must get the capacity types."
  }

  assert {
    condition     = yamldecode(helm_release.nodes[0].values[0]).cpuLimit == 32 && yamldecode(helm_release.nodes[0].values[0]).memoryLimit == "128Gi"
    error_message = "The NodePool must be limited."
  }

  assert {
    condition     = yamldecode(helm_release.nodes[0].values[0]).amiAlias == "al2023@v20260903" && yamldecode(helm_release.nodes[0].values[0]).nodeRole == "dev-helloworld-karpenter-node"
    error_message = "The EC2NodeClass must name the pinned image and the nodes' role."
  }

  assert {
    condition     = yamldecode(helm_release.nodes[0].values[0]).tags.Environment == "dev"
    error_message = "The tags must reach Karpenter's instances."
  }
}

run "on_demand_only" {
  command = apply

  variables {
    name           = "prod-helloworld"
    capacity_types = ["on-demand"]
  }

  assert {
    condition     = yamldecode(helm_release.nodes[0].values[0]).capacityTypes == ["on-demand"]
    error_message = "prod must never run on spot."
  }

  assert {
    condition     = aws_iam_role.node.name == "prod-helloworld-karpenter-node" && output.queue_name == "prod-helloworld-karpenter"
    error_message = "Names begin with the cluster's."
  }
}

run "charts" {
  command = apply

  assert {
    condition     = helm_release.crds[0].version == helm_release.karpenter[0].version && helm_release.karpenter[0].skip_crds
    error_message = "CRDs come from their own chart, of the same version."
  }

  assert {
    condition     = yamldecode(helm_release.karpenter[0].values[0]).settings == { clusterEndpoint = "https://ABC.gr7.eu-west-1.eks.amazonaws.com", clusterName = "dev-helloworld", interruptionQueue = "dev-helloworld-karpenter" }
    error_message = "The controller must know its cluster and its queue."
  }

  assert {
    condition     = yamldecode(helm_release.karpenter[0].values[0]).nodeSelector == { "karpenter.sh/controller" = "true" } && yamldecode(helm_release.karpenter[0].values[0]).serviceAccount.annotations["eks.amazonaws.com/role-arn"] == output.controller_role_arn
    error_message = "The controller runs on the system nodes, with its own role."
  }
}

run "only_the_aws_side" {
  command = apply

  variables {
    install_chart = false
  }

  assert {
    condition     = length(helm_release.crds) + length(helm_release.karpenter) + length(helm_release.nodes) == 0
    error_message = "No chart may be installed."
  }

  assert {
    condition     = output.queue_name == "dev-helloworld-karpenter" && output.node_role_name == "dev-helloworld-karpenter-node"
    error_message = "The AWS side must be there for GitOps to use."
  }
}

run "nodes_join_by_access_entry" {
  command = plan

  assert {
    condition     = aws_eks_access_entry.node[0].type == "EC2_LINUX" && aws_eks_access_entry.node[0].cluster_name == "dev-helloworld"
    error_message = "Nodes need an access entry to join."
  }

  assert {
    condition     = keys(aws_iam_role_policy_attachment.node) == ["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy", "AmazonSSMManagedInstanceCore"]
    error_message = "Nodes get exactly these policies."
  }

  assert {
    condition     = length(aws_iam_service_linked_role.spot) == 0
    error_message = "The account's role for spot is only made when asked for."
  }
}

run "interruption_notices" {
  command = apply

  assert {
    condition = toset([for rule in values(aws_cloudwatch_event_rule.interruption) : one(jsondecode(rule.event_pattern).detail-type)]) == toset([
      "AWS Health Event",
      "EC2 Capacity Reservation Instance Interruption Warning",
      "EC2 Instance Rebalance Recommendation",
      "EC2 Instance State-change Notification",
      "EC2 Spot Instance Interruption Warning",
    ])
    error_message = "All five kinds of notices must be caught."
  }

  assert {
    condition     = alltrue([for target in values(aws_cloudwatch_event_target.interruption) : target.arn == aws_sqs_queue.interruption.arn]) && length(aws_cloudwatch_event_target.interruption) == 5
    error_message = "All notices must go to the queue."
  }

  assert {
    condition     = length(jsondecode(aws_sqs_queue_policy.interruption.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"]) == 5 && jsondecode(aws_sqs_queue_policy.interruption.policy).Statement[1].Effect == "Deny"
    error_message = "Only these rules may write to the queue, and only by TLS."
  }

  assert {
    condition     = aws_sqs_queue.interruption.message_retention_seconds == 300 && aws_sqs_queue.interruption.sqs_managed_sse_enabled
    error_message = "Stale notices go, and the queue is encrypted."
  }
}

run "controller_policies" {
  command = apply

  assert {
    condition     = alltrue(flatten([for policy in values(local.controller_policies) : [for statement in policy.Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]]]))
    error_message = "No wildcards in actions."
  }

  assert {
    condition     = alltrue([for policy in values(local.controller_policies) : length(jsonencode(policy)) <= 6144])
    error_message = "IAM takes 6,144 characters a policy."
  }

  assert {
    condition     = one([for statement in local.controller_policies["iam-integration"].Statement : statement if statement.Action == "iam:PassRole"]).Resource == aws_iam_role.node.arn
    error_message = "The controller may pass the nodes' role and no other."
  }

  assert {
    condition = alltrue([
      for statement in local.controller_policies["node-lifecycle"].Statement :
      try(statement.Condition.StringEquals["aws:ResourceTag/kubernetes.io/cluster/dev-helloworld"] == "owned", false) if contains(flatten([statement.Action]), "ec2:TerminateInstances")
    ])
    error_message = "The controller may end this cluster's instances only."
  }
}

run "refuses_latest_image" {
  command = plan

  variables {
    ami_alias = "al2023@latest"
  }

  expect_failures = [var.ami_alias]
}

run "refuses_unknown_capacity" {
  command = plan

  variables {
    capacity_types = ["spot", "reserved"]
  }

  expect_failures = [var.capacity_types]
}

run "refuses_chart_version_with_v" {
  command = plan

  variables {
    chart_version = "v1.15.1"
  }

  expect_failures = [var.chart_version]
}
