locals {
  install = var.install_chart ? 1 : 0

  chart_values = {
    settings = {
      clusterName       = var.name
      clusterEndpoint   = var.cluster_endpoint
      interruptionQueue = aws_sqs_queue.interruption.name
    }
    serviceAccount = {
      name        = local.service_account
      annotations = { "eks.amazonaws.com/role-arn" = module.irsa.role_arn }
    }
    # Never on nodes that it manages itself: it would drain the node that it runs on.
    nodeSelector = { "karpenter.sh/controller" = "true" }
    dnsPolicy    = "Default" # it must be able to start nodes when cluster DNS is down for lack of nodes
    controller = {
      resources = {
        requests = { cpu = "250m", memory = "512Mi" }
        limits   = { memory = "1Gi" }
      }
    }
  }

  node_values = {
    clusterName        = var.name
    nodeRole           = aws_iam_role.node.name
    amiAlias           = var.ami_alias
    architectures      = var.architectures
    capacityTypes      = var.capacity_types
    instanceCategories = var.instance_categories
    cpuLimit           = var.cpu_limit
    memoryLimit        = var.memory_limit
    disruptionBudget   = var.disruption_budget
    tags               = var.tags
  }
}

# By themselves: Helm never upgrades the CRDs that lie in a chart's crds folder.
resource "helm_release" "crds" {
  count = local.install

  name       = "karpenter-crd"
  namespace  = local.namespace
  repository = "oci://public.ecr.aws/karpenter"
  chart      = "karpenter-crd"
  version    = var.chart_version
}

resource "helm_release" "karpenter" {
  count = local.install

  name       = "karpenter"
  namespace  = local.namespace
  repository = "oci://public.ecr.aws/karpenter"
  chart      = "karpenter"
  version    = var.chart_version
  skip_crds  = true
  atomic     = true # a failed upgrade goes back by itself
  timeout    = 600
  values     = [yamlencode(local.chart_values)]

  # Notices must arrive, and nodes be able to join, for as long as the controller runs.
  depends_on = [
    helm_release.crds,
    aws_sqs_queue_policy.interruption,
    aws_cloudwatch_event_target.interruption,
    aws_iam_role_policy_attachment.node,
    aws_eks_access_entry.node,
    aws_iam_service_linked_role.spot,
  ]
}

# Last to come and first to go, and its removal waits for the nodes to be gone: otherwise instances outlive the cluster.
resource "helm_release" "nodes" {
  count = local.install

  name      = "karpenter-nodes"
  namespace = local.namespace
  chart     = "${path.module}/charts/karpenter-nodes"
  wait      = true
  timeout   = 1200
  values    = [yamlencode(local.node_values)]

  depends_on = [helm_release.karpenter]
}
