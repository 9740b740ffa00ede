provider "aws" {
  region              = var.region
  allowed_account_ids = var.account_id == null ? null : [var.account_id]

  # The deploy roles' rights hang on these: what lacks them can't be made or changed.
  default_tags {
    tags = local.settings.tags
  }
}

# The same access by another name, for the log-in to the cluster alone: tests simulate the provider above, and a simulated
# provider knows no ephemeral resources.
provider "aws" {
  alias               = "cluster_login"
  region              = var.region
  allowed_account_ids = var.account_id == null ? null : [var.account_id]
}

# Ephemeral: in no state and in no plan. Not `exec`, because that needs the AWS CLI beside Terraform, which its image hasn't.
# A token lives 15 minutes from here on, so it is made only once the nodes are there (the endpoint's output waits for them). Making
# it is a signature and asks nobody.
ephemeral "aws_eks_cluster_auth" "this" {
  count    = local.enabled.eks ? 1 : 0
  provider = aws.cluster_login

  name = module.eks[0].cluster_endpoint == null ? null : module.eks[0].cluster_name
}

locals {
  # With every cluster, not only where charts are installed: charts that are switched off later have to be removed through these
  # providers. Without a chart nothing uses them, and they ask nobody anything.
  cluster_host  = one(module.eks[*].cluster_endpoint)
  cluster_ca    = try(base64decode(module.eks[0].cluster_certificate_authority_data), null) # a simulator's is no certificate
  cluster_token = one(ephemeral.aws_eks_cluster_auth.this[*].token)
}

provider "helm" {
  kubernetes = {
    host                   = local.cluster_host
    cluster_ca_certificate = local.cluster_ca
    token                  = local.cluster_token
  }
}

provider "kubernetes" {
  host                   = local.cluster_host
  cluster_ca_certificate = local.cluster_ca
  token                  = local.cluster_token

  # What Flux and its operator write beside us on the same namespaces.
  ignore_labels = [
    "^pod-security\\.kubernetes\\.io/(warn|audit)",
    "^([a-z]+\\.)*fluxcd\\.(io|controlplane\\.io)/",
    "^kustomize\\.toolkit\\.fluxcd\\.io/",
    "^app\\.kubernetes\\.io/",
    "^environment$",
  ]
  ignore_annotations = [
    "fluxcd\\.(io|controlplane\\.io)/",
  ]
}
