# A deploy role's rights. What has a name is limited by the prefix of the environment's names, what only has an id by its tag Environment.
locals {
  ec2_arn     = "arn:${local.partition}:ec2:${local.region}:${local.account}"
  has_tag     = { for environment in keys(var.environments) : environment => { StringEquals = { "aws:ResourceTag/Environment" = environment } } }
  gets_tag    = { for environment in keys(var.environments) : environment => { StringEquals = { "aws:RequestTag/Environment" = environment } } }
  has_none    = { Null = { "aws:ResourceTag/Environment" = "true" } }
  aws_managed = [for policy in var.attachable_managed_policies : "arn:${local.partition}:iam::aws:policy/${policy}"]

  # Issuers of EKS clusters, the older and the dual-stack form; the cluster's id is not known beforehand.
  eks_issuers = [
    "arn:${local.partition}:iam::${local.account}:oidc-provider/oidc.eks.${local.region}.amazonaws.com/id/*",
    "arn:${local.partition}:iam::${local.account}:oidc-provider/oidc-eks.${local.region}.api.aws/id/*",
  ]

  resources = {
    for environment, prefix in local.prefixes : environment => {
      roles    = "arn:${local.partition}:iam::${local.account}:role/${prefix}-*"
      policies = "arn:${local.partition}:iam::${local.account}:policy/${prefix}-*"
      boundary = "arn:${local.partition}:iam::${local.account}:policy/${var.name}-boundary-${environment}"
      queues   = "arn:${local.partition}:sqs:${local.region}:${local.account}:${prefix}-*"
      rules    = "arn:${local.partition}:events:${local.region}:${local.account}:rule/${prefix}-*"
      aliases  = "arn:${local.partition}:kms:${local.region}:${local.account}:alias/${prefix}-*"
      keys     = "arn:${local.partition}:kms:${local.region}:${local.account}:key/*"
      logs = [
        "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/eks/${prefix}/*",
        "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/vpc/${prefix}/*",
      ]
      eks = [for form in ["cluster/%s", "nodegroup/%s/*", "addon/%s/*", "access-entry/%s/*"] : "arn:${local.partition}:eks:${local.region}:${local.account}:${format(form, prefix)}"]
    }
  }

  deploy_documents = {
    for environment, on in local.resources : environment => {
      network = {
        Version = "2012-10-17"
        Statement = [
          {
            Sid      = "Read"
            Effect   = "Allow"
            Action   = local.read.ec2
            Resource = "*" # EC2 has no resource-level permission for describing
          },
          {
            Sid       = "Create"
            Effect    = "Allow"
            Action    = values(local.ec2_create)
            Resource  = [for type in keys(local.ec2_create) : "${local.ec2_arn}:${type}/*"]
            Condition = local.gets_tag[environment]
          },
          {
            Sid       = "Change"
            Effect    = "Allow"
            Action    = local.ec2_change
            Resource  = "${local.ec2_arn}:*/*"
            Condition = local.has_tag[environment]
          },
          {
            Sid      = "TagWhatIsCreated"
            Effect   = "Allow"
            Action   = "ec2:CreateTags"
            Resource = "${local.ec2_arn}:*/*"
            Condition = {
              StringEquals = {
                "aws:RequestTag/Environment" = environment
                "ec2:CreateAction"           = concat([for action in values(local.ec2_create) : trimprefix(action, "ec2:")], ["RunInstances"])
              }
            }
          },
          {
            # What an interface endpoint's private DNS needs (Service Authorization Reference, ec2:CreateVpcEndpoint).
            Sid      = "PrivateDnsOfEndpoints"
            Effect   = "Allow"
            Action   = ["route53:AssociateVPCWithHostedZone", "route53:DisassociateVPCFromHostedZone"]
            Resource = ["arn:${local.partition}:route53:::hostedzone/*", "${local.ec2_arn}:vpc/*"]
          },
          {
            # EC2 makes each VPC's default group without tags; taking its rules away begins with tagging it. EKS' group of a cluster has no
            # tag Environment either, but the cluster's name, and may be another environment's.
            Sid      = "AdoptDefaultSecurityGroup"
            Effect   = "Allow"
            Action   = "ec2:CreateTags"
            Resource = "${local.ec2_arn}:security-group/*"
            Condition = merge(local.gets_tag[environment], {
              Null = { "aws:ResourceTag/Environment" = "true", "aws:ResourceTag/aws:eks:cluster-name" = "true" }
            })
          },
        ]
      }

      cluster = {
        Version = "2012-10-17"
        Statement = [
          {
            Sid      = "Cluster"
            Effect   = "Allow"
            Action   = concat(local.read.eks, local.eks_change)
            Resource = on.eks
          },
          {
            # EKS makes the cluster's security group with tags of its own.
            Sid       = "TagClusterSecurityGroup"
            Effect    = "Allow"
            Action    = ["ec2:CreateTags", "ec2:DeleteTags"]
            Resource  = "${local.ec2_arn}:security-group/*"
            Condition = { StringEquals = { "aws:ResourceTag/aws:eks:cluster-name" = local.prefixes[environment] } }
          },
          {
            # EKS makes sure that whoever makes a node group may run its launch template.
            Sid       = "RunOwnLaunchTemplate"
            Effect    = "Allow"
            Action    = "ec2:RunInstances"
            Resource  = "${local.ec2_arn}:launch-template/*"
            Condition = local.has_tag[environment]
          },
          {
            Sid       = "RunTagged"
            Effect    = "Allow"
            Action    = "ec2:RunInstances"
            Resource  = [for type in ["instance", "volume", "network-interface"] : "${local.ec2_arn}:${type}/*"]
            Condition = local.gets_tag[environment]
          },
          {
            Sid    = "RunFromLaunchTemplateOnly"
            Effect = "Allow"
            Action = "ec2:RunInstances"
            Resource = [
              "arn:${local.partition}:ec2:${local.region}::image/*", # AWS' own images
              "${local.ec2_arn}:security-group/*",
              "${local.ec2_arn}:subnet/*",
            ]
            Condition = { ArnLike = { "ec2:LaunchTemplate" = "${local.ec2_arn}:launch-template/*" } }
          },
        ]
      }

      identity = {
        Version = "2012-10-17"
        Statement = [
          {
            Sid      = "GrantWithinBoundary"
            Effect   = "Allow"
            Action   = [for action in local.iam_role_grant : action if action != "iam:AttachRolePolicy"]
            Resource = on.roles
            # Whatever a role made here is given, the boundary is the most that it can do.
            Condition = { StringEquals = { "iam:PermissionsBoundary" = on.boundary } }
          },
          {
            Sid      = "AttachWithinBoundary"
            Effect   = "Allow"
            Action   = "iam:AttachRolePolicy"
            Resource = on.roles
            Condition = {
              StringEquals = { "iam:PermissionsBoundary" = on.boundary }
              ArnLike      = { "iam:PolicyARN" = concat([on.policies], local.aws_managed) }
            }
          },
          {
            Sid      = "Roles"
            Effect   = "Allow"
            Action   = concat(local.read.iam_roles, local.iam_role_change)
            Resource = on.roles
          },
          {
            Sid      = "Policies"
            Effect   = "Allow"
            Action   = concat(local.read.iam_policies, local.iam_policy_change)
            Resource = on.policies
          },
          {
            Sid      = "PassRoles"
            Effect   = "Allow"
            Action   = "iam:PassRole"
            Resource = on.roles
            Condition = {
              StringEquals = { "iam:PassedToService" = ["eks.amazonaws.com", "ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com"] }
            }
          },
          {
            Sid      = "ReadClusterIssuers"
            Effect   = "Allow"
            Action   = local.read.iam_providers
            Resource = local.eks_issuers
          },
          {
            Sid       = "CreateClusterIssuer"
            Effect    = "Allow"
            Action    = ["iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"]
            Resource  = local.eks_issuers
            Condition = merge(local.gets_tag[environment], local.has_none)
          },
          {
            Sid       = "ChangeClusterIssuer"
            Effect    = "Allow"
            Action    = [for action in local.iam_provider_change : action if action != "iam:CreateOpenIDConnectProvider"]
            Resource  = local.eks_issuers
            Condition = local.has_tag[environment]
          },
          {
            Sid      = "ServiceLinkedRoles"
            Effect   = "Allow"
            Action   = ["iam:CreateServiceLinkedRole", "iam:GetRole"]
            Resource = [for service in local.linked_services : "arn:${local.partition}:iam::${local.account}:role/aws-service-role/${service}/*"]
          },
        ]
      }

      services = {
        Version = "2012-10-17"
        Statement = [
          {
            Sid       = "CreateKeys"
            Effect    = "Allow"
            Action    = "kms:CreateKey"
            Resource  = "*" # a key that is not there yet has no ARN
            Condition = local.gets_tag[environment]
          },
          {
            Sid       = "TagNewKeys"
            Effect    = "Allow"
            Action    = "kms:TagResource"
            Resource  = on.keys
            Condition = merge(local.gets_tag[environment], local.has_none)
          },
          {
            Sid       = "Keys"
            Effect    = "Allow"
            Action    = concat(local.read.kms, local.kms_change, local.kms_alias_change)
            Resource  = on.keys
            Condition = local.has_tag[environment]
          },
          {
            Sid      = "Aliases"
            Effect   = "Allow"
            Action   = local.kms_alias_change
            Resource = on.aliases
          },
          {
            Sid      = "Lists"
            Effect   = "Allow"
            Action   = local.lists
            Resource = "*" # lists have no resource-level permission
          },
          {
            Sid      = "Logs"
            Effect   = "Allow"
            Action   = concat(local.read.logs, local.logs_change)
            Resource = on.logs
          },
          {
            Sid      = "Queues"
            Effect   = "Allow"
            Action   = concat(local.read.sqs, local.sqs_change)
            Resource = on.queues
          },
          {
            Sid      = "Rules"
            Effect   = "Allow"
            Action   = concat(local.read.events, local.events_change)
            Resource = on.rules
          },
        ]
      }

      state = local.state_documents[environment]

      fence = {
        Version   = "2012-10-17"
        Statement = [local.other_environments[environment], local.state_key_fence]
      }
    }
  }

  kms_alias_change = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
  lists            = ["kms:ListAliases", "logs:DescribeLogGroups"]
  linked_services  = ["eks.amazonaws.com", "eks-nodegroup.amazonaws.com", "spot.amazonaws.com", "elasticloadbalancing.amazonaws.com"]

  # The states' key has no environment's tag, as all environments use it; who could give it one could take it over.
  state_key_fence = {
    Sid       = "StateKeyIsOnlyUsed"
    Effect    = "Deny"
    NotAction = local.state_key_actions # a Deny of all but these
    Resource  = var.state_kms_key_arn
  }

  # A second wall, should a name or a wildcard above reach too far.
  other_environments = {
    for environment in keys(var.environments) : environment => {
      Sid      = "OtherEnvironments"
      Effect   = "Deny"
      Action   = "*" # a Deny: all actions, so that none is forgotten
      Resource = "*"
      Condition = {
        StringNotEquals = { "aws:ResourceTag/Environment" = environment }
        Null            = { "aws:ResourceTag/Environment" = "false" }
      }
    }
  }
}
