locals {
  namespace       = "external-secrets"
  service_account = "external-secrets"

  secrets_arn = "arn:${var.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${var.secret_prefix}*"

  read = {
    Version = "2012-10-17"
    Statement = concat([{
      Sid    = "ReadOwnSecrets"
      Effect = "Allow"
      Action = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
      ]
      Resource = [local.secrets_arn]
      }], length(var.kms_key_arns) == 0 ? [] : [{
      Sid       = "DecryptOwnSecrets"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = var.kms_key_arns
      Condition = { StringEquals = { "kms:ViaService" = ["secretsmanager.${var.region}.amazonaws.com"] } }
    }])
  }

  tolerations = [{ key = "CriticalAddonsOnly", operator = "Exists" }]
  budget      = { enabled = var.replicas > 1, minAvailable = 1 }

  values = {
    replicaCount        = var.replicas
    leaderElect         = var.replicas > 1
    podDisruptionBudget = local.budget
    tolerations         = local.tolerations
    resources           = { requests = { cpu = "20m", memory = "64Mi" }, limits = { memory = "256Mi" } }

    serviceAccount = {
      name        = local.service_account
      annotations = { "eks.amazonaws.com/role-arn" = module.irsa.role_arn }
    }

    # What is not used gets neither CRDs nor rights: writing to secret managers, and secrets in all namespaces at once.
    processPushSecret            = false
    processClusterPushSecret     = false
    processClusterExternalSecret = false
    crds = {
      createPushSecret            = false
      createClusterPushSecret     = false
      createClusterExternalSecret = false
    }
    # The store below uses the controller's own identity: it needs no tokens of other service accounts.
    rbac = { serviceAccountTokenCreate = false }

    webhook = {
      replicaCount        = var.replicas
      podDisruptionBudget = local.budget
      tolerations         = local.tolerations
      resources           = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = "128Mi" } }
    }

    certController = {
      replicaCount = 1 # makes certificates; nothing waits for it once they are there
      tolerations  = local.tolerations
      resources    = { requests = { cpu = "10m", memory = "64Mi" }, limits = { memory = "256Mi" } }
    }
  }
}

module "irsa" {
  source = "../irsa"

  name              = "${var.name}-external-secrets"
  oidc_provider_arn = var.oidc_provider_arn
  oidc_issuer       = var.oidc_issuer
  namespace         = local.namespace
  service_account   = local.service_account

  policies = { read = jsonencode(local.read) }

  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

module "namespace" {
  source = "../namespace"
  count  = var.install_chart ? 1 : 0

  name = local.namespace
  ingress = {
    # The API server asks from the control plane's interfaces, which have addresses in the VPC and no pod labels.
    webhook = {
      pod_labels = { "app.kubernetes.io/name" = "external-secrets-webhook" }
      from_cidrs = [var.vpc_cidr]
      ports      = [10250]
    }
    metrics = {
      from_namespaces = ["monitoring"]
      ports           = [8080]
    }
  }
}

resource "helm_release" "this" {
  count = var.install_chart ? 1 : 0

  name       = "external-secrets"
  namespace  = module.namespace[0].name
  repository = "https://charts.external-secrets.io"
  chart      = "external-secrets"
  version    = var.chart_version
  values     = [yamlencode(local.values)]

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600
}

# A release of its own: the CRDs, and the webhook that checks stores, must be there before it.
resource "helm_release" "store" {
  count = var.install_chart ? 1 : 0

  name      = "cluster-secret-store"
  namespace = module.namespace[0].name
  chart     = "${path.module}/charts/cluster-secret-store"
  values = [yamlencode({
    name       = var.store_name
    region     = var.region
    namespaces = var.store_namespaces
  })]

  atomic      = true
  max_history = 5
  timeout     = 300

  depends_on = [helm_release.this]
}
