# The one table of environments: a size, a limit or a switch that differs between them stands here and nowhere else.
locals {
  project = "helloworld"

  environments = {
    dev = {
      deletion_protection = false

      vpc = {
        cidr                    = "10.10.0.0/16"
        single_nat_gateway      = true # a zone's outage may stop dev; two gateways less may not be paid for
        flow_log_retention_days = 14
      }

      eks = {
        log_retention_days  = 14
        public_access_cidrs = [] # where the public API endpoint answers; none: there is only the private one
        access_entries      = {} # who uses the Kubernetes API besides the deploy role
        system_node_group = {
          instance_types = ["t3.large"]
          min_size       = 2
          max_size       = 3
          desired_size   = 2
        }
      }

      karpenter = {
        capacity_types    = ["spot", "on-demand"]
        cpu_limit         = 32
        memory_limit      = "128Gi"
        disruption_budget = "50%"
      }

      prometheus = {
        replicas  = 1
        retention = "3d"
        storage   = "20Gi"
      }

      flagger = {
        loadtester = true
      }

      flux = {
        git_ref = "refs/heads/main"
      }
    }

    prod = {
      deletion_protection = true

      vpc = {
        cidr                    = "10.20.0.0/16"
        single_nat_gateway      = false
        flow_log_retention_days = 365
      }

      eks = {
        log_retention_days  = 365
        public_access_cidrs = [] # where the public API endpoint answers; none: there is only the private one
        access_entries      = {} # who uses the Kubernetes API besides the deploy role
        system_node_group = {
          instance_types = ["m6i.large"]
          min_size       = 3 # one a zone
          max_size       = 6
          desired_size   = 3
        }
      }

      karpenter = {
        capacity_types    = ["on-demand"]
        cpu_limit         = 128
        memory_limit      = "512Gi"
        disruption_budget = "10%"
      }

      prometheus = {
        replicas  = 2
        retention = "15d"
        storage   = "100Gi"
      }

      flagger = {
        loadtester = true # analysis of a canary needs traffic at night too
      }

      flux = {
        git_ref = "refs/heads/prod" # what was promoted: `promote` merges main into it
      }
    }
  }

  # The same everywhere: prod must run what dev has proved. An upgrade goes through dev: what its row has of the same name wins.
  common = {
    kubernetes_version = "1.35"

    vpc = {
      zones = ["a", "b", "c"] # letters of the region's zones, exactly three. Before the first apply: another zone is another subnet
    }

    karpenter = {
      ami_alias = "al2023@v20260903"
    }

    modules = {
      karpenter                    = true
      ebs_csi_driver               = true # Prometheus' volumes
      metrics_server               = true # HorizontalPodAutoscalers
      aws_load_balancer_controller = true
      external_secrets             = true
      prometheus                   = true
      flagger                      = true
      flux                         = true
      ghcr_secret                  = true
      tofu_controller              = false # Terraform by GitOps: a choice, as it needs a role that may change the platform
    }
  }
}

locals {
  names = sort(keys(local.environments))

  # try: an unknown environment has its message from the variable's validation
  environment = try(local.environments[var.environment], local.environments[local.names[0]])

  settings = {
    environment         = var.environment
    name                = "${var.environment}-${local.project}" # of the cluster, and the prefix of all names
    project             = local.project
    kubernetes_version  = try(local.environment.kubernetes_version, local.common.kubernetes_version)
    deletion_protection = local.environment.deletion_protection
    modules             = merge(local.common.modules, try(local.environment.modules, {}))
    vpc                 = merge(local.common.vpc, local.environment.vpc)
    eks                 = local.environment.eks
    karpenter           = merge(local.common.karpenter, local.environment.karpenter)
    prometheus          = local.environment.prometheus
    flagger             = local.environment.flagger
    flux                = local.environment.flux

    # Made by stacks/account. The deploy role may only make roles that carry the boundary, and only touch what has these tags.
    permissions_boundary_name = "${local.project}-boundary-${var.environment}"
    deploy_role_name          = "${local.project}-deploy-${var.environment}"
    tags = {
      Project     = local.project
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}
