# The control center: which modules an environment has, and how they are set. What differs by environment comes from the table in
# terraform/main.tf. The order of the modules here is the order in which they are made; the way back is the reverse.

module "input" {
  source = "../.."

  environment = var.environment
}

module "workspace" {
  source = "../../modules/workspace"
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  settings   = module.input.settings
  name       = local.settings.name
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # The table says what an environment has, var.modules says otherwise; without a cluster there is nothing to have.
  wanted  = { for name, on in merge({ eks = true }, local.settings.modules) : name => coalesce(var.modules[name], on) }
  enabled = { for name, on in local.wanted : name => on && local.wanted.eks }

  charts = local.enabled.eks && var.install_charts

  iam = "arn:${local.partition}:iam::${local.account_id}"
  permissions_boundary_arn = (
    var.permissions_boundary ? "${local.iam}:policy/${local.settings.permissions_boundary_name}" : null
  )

  access_entries = merge({
    # Whoever applies this must be able to install charts: the creator of a cluster gets no rights by itself here.
    deploy = {
      principal_arn = "${local.iam}:role/${local.settings.deploy_role_name}"
      policy        = "AmazonEKSClusterAdminPolicy"
      namespaces    = []
    }
  }, local.settings.eks.access_entries, var.access_entries)

  replicas = var.environment == "prod" ? 2 : 1 # of controllers that only have to be there when something changes
}

# --- The ground -------------------------------------------------------------------------------------------------------------

module "vpc" {
  source = "../../modules/vpc"

  name                     = local.name
  cidr                     = local.settings.vpc.cidr
  availability_zones       = [for letter in local.settings.vpc.zones : "${var.region}${letter}"]
  single_nat_gateway       = local.settings.vpc.single_nat_gateway
  flow_log_retention_days  = local.settings.vpc.flow_log_retention_days
  permissions_boundary_arn = local.permissions_boundary_arn
  tags                     = local.settings.tags
}

module "eks" {
  source = "../../modules/eks"
  count  = local.enabled.eks ? 1 : 0

  name                       = local.name
  kubernetes_version         = local.settings.kubernetes_version
  vpc_id                     = module.vpc.vpc_id
  vpc_cidr                   = local.settings.vpc.cidr
  subnet_ids                 = module.vpc.private_subnet_ids
  public_access_cidrs        = var.public_access_cidrs != null ? var.public_access_cidrs : local.settings.eks.public_access_cidrs
  access_entries             = { for name, entry in local.access_entries : name => entry if var.create_access_entries }
  system_node_group          = local.settings.eks.system_node_group
  addons                     = var.cluster_addons
  log_retention_days         = local.settings.eks.log_retention_days
  tag_cluster_security_group = var.tag_cluster_security_group
  deletion_protection        = coalesce(var.deletion_protection, local.settings.deletion_protection)
  permissions_boundary_arn   = local.permissions_boundary_arn
  tags                       = local.settings.tags
}

# --- Nodes, volumes, metrics ------------------------------------------------------------------------------------------------

module "karpenter" {
  source = "../../modules/karpenter"
  count  = local.enabled.karpenter ? 1 : 0

  name                     = local.name
  cluster_endpoint         = module.eks[0].cluster_endpoint
  oidc_provider_arn        = module.eks[0].oidc_provider_arn
  oidc_issuer              = module.eks[0].oidc_issuer
  capacity_types           = local.settings.karpenter.capacity_types
  cpu_limit                = local.settings.karpenter.cpu_limit
  memory_limit             = local.settings.karpenter.memory_limit
  ami_alias                = local.settings.karpenter.ami_alias
  disruption_budget        = local.settings.karpenter.disruption_budget
  create_access_entry      = var.create_access_entries
  install_chart            = local.charts
  permissions_boundary_arn = local.permissions_boundary_arn
  tags                     = local.settings.tags

  # On the way back: instances are gone before what they need to leave cleanly (access entries, DNS, routes) goes.
  depends_on = [module.eks]
}

module "ebs_csi_driver" {
  source = "../../modules/ebs-csi-driver"
  count  = local.enabled.ebs_csi_driver ? 1 : 0

  name                     = module.eks[0].cluster_name
  kubernetes_version       = local.settings.kubernetes_version
  partition                = local.partition
  oidc_provider_arn        = module.eks[0].oidc_provider_arn
  oidc_issuer              = module.eks[0].oidc_issuer
  install_chart            = local.charts
  permissions_boundary_arn = local.permissions_boundary_arn
  tags                     = local.settings.tags

  depends_on = [module.eks]
}

module "metrics_server" {
  source = "../../modules/metrics-server"
  count  = local.enabled.metrics_server ? 1 : 0

  name = module.eks[0].cluster_name
  tags = local.settings.tags

  depends_on = [module.eks]
}

# --- The platform -----------------------------------------------------------------------------------------------------------

module "aws_load_balancer_controller" {
  source = "../../modules/aws-load-balancer-controller"
  count  = local.enabled.aws_load_balancer_controller ? 1 : 0

  name                     = local.name
  region                   = var.region
  vpc_id                   = module.vpc.vpc_id
  oidc_provider_arn        = module.eks[0].oidc_provider_arn
  oidc_issuer              = module.eks[0].oidc_issuer
  install_chart            = local.charts
  permissions_boundary_arn = local.permissions_boundary_arn
  tags                     = local.settings.tags

  depends_on = [module.eks]
}

# The application's namespace, before Flux makes the same from clusters/: the pull secret must be there when its first pod starts.
module "application_namespace" {
  source = "../../modules/namespace"
  count  = local.charts && (local.enabled.ghcr_secret || local.enabled.flagger) ? 1 : 0

  name     = var.application_namespace
  isolated = false # its chart brings its own network policy

  depends_on = [module.eks]
}

module "ghcr_secret" {
  source = "../../modules/ghcr-secret"
  count  = local.charts && local.enabled.ghcr_secret ? 1 : 0

  namespace      = module.application_namespace[0].name
  username       = var.ghcr_username
  token          = var.ghcr_token
  token_revision = var.ghcr_token_revision
}

module "external_secrets" {
  source = "../../modules/external-secrets"
  count  = local.enabled.external_secrets ? 1 : 0

  name                     = local.name
  partition                = local.partition
  region                   = var.region
  account_id               = local.account_id
  vpc_cidr                 = local.settings.vpc.cidr
  oidc_provider_arn        = module.eks[0].oidc_provider_arn
  oidc_issuer              = module.eks[0].oidc_issuer
  secret_prefix            = "${local.name}/"
  store_namespaces         = [var.application_namespace]
  replicas                 = local.replicas
  install_chart            = local.charts
  permissions_boundary_arn = local.permissions_boundary_arn
  tags                     = local.settings.tags

  depends_on = [module.eks, module.karpenter]
}

module "prometheus" {
  source = "../../modules/prometheus"
  count  = local.enabled.prometheus ? 1 : 0

  vpc_cidr          = local.settings.vpc.cidr
  replicas          = local.settings.prometheus.replicas
  retention         = local.settings.prometheus.retention
  storage           = local.enabled.ebs_csi_driver ? local.settings.prometheus.storage : null
  storage_class     = one(module.ebs_csi_driver[*].storage_class)
  client_namespaces = local.enabled.flagger ? ["flagger", var.application_namespace] : [] # the load tester asks too
  install_chart     = local.charts

  # Its pods need Karpenter's nodes, its volumes the driver; on the way back both outlive it.
  depends_on = [module.eks, module.karpenter, module.ebs_csi_driver]
}

module "flagger" {
  source = "../../modules/flagger"
  count  = local.enabled.flagger && local.enabled.prometheus ? 1 : 0

  metrics_server        = module.prometheus[0].url
  application_namespace = local.charts ? module.application_namespace[0].name : var.application_namespace
  loadtester            = local.settings.flagger.loadtester
  replicas              = local.replicas
  install_chart         = local.charts

  depends_on = [module.prometheus]
}

# --- What runs on it --------------------------------------------------------------------------------------------------------

# Last, so that what it brings finds its CRDs, controllers and secrets; and the first of the charts to go.
module "flux" {
  source = "../../modules/flux"
  count  = local.enabled.flux ? 1 : 0

  git_url       = var.git_url
  git_ref       = coalesce(var.git_ref, local.settings.flux.git_ref)
  path          = "clusters/${var.environment}"
  pull_secret   = var.git_pull_secret
  size          = var.environment == "prod" ? "medium" : "small"
  install_chart = local.charts

  depends_on = [
    module.eks,
    module.karpenter,
    module.ebs_csi_driver,
    module.metrics_server,
    module.aws_load_balancer_controller,
    module.external_secrets,
    module.ghcr_secret,
    module.prometheus,
    module.flagger,
  ]
}

module "tofu_controller" {
  source = "../../modules/tofu-controller"
  count  = local.enabled.tofu_controller && local.enabled.flux ? 1 : 0

  name                     = local.name
  oidc_provider_arn        = module.eks[0].oidc_provider_arn
  oidc_issuer              = module.eks[0].oidc_issuer
  runner_policies          = var.tofu_runner_policies
  install_chart            = local.charts
  permissions_boundary_arn = local.permissions_boundary_arn
  tags                     = local.settings.tags

  depends_on = [module.flux]
}

# The very first to go: it ends Flux' sync and removes load balancers while their controllers still run.
module "teardown" {
  source = "../../modules/teardown"
  count  = local.charts ? 1 : 0

  flux               = local.enabled.flux
  kubernetes_version = local.settings.kubernetes_version

  depends_on = [
    module.eks,
    module.aws_load_balancer_controller,
    module.flux,
    module.tofu_controller,
  ]
}
