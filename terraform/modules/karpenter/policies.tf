# Upstream's policies, split as upstream splits them (one would be longer than the 6,144 characters that IAM takes):
# https://karpenter.sh/docs/reference/cloudformation/ of the chart's version (1.15). Compare at each upgrade.
locals {
  ec2    = "arn:${local.partition}:ec2:${local.region}"
  owned  = "kubernetes.io/cluster/${var.name}"
  pool   = "karpenter.sh/nodepool"
  class  = "karpenter.k8s.aws/ec2nodeclass"
  zoneof = "topology.kubernetes.io/region"

  instance_profiles = "arn:${local.partition}:iam::${local.account}:instance-profile/*" # their names are generated: the tags limit them

  launched = [for type in ["fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request"] : "${local.ec2}:${local.account}:${type}/*"]

  controller_policies = {
    node-lifecycle = {
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "AllowScopedEC2InstanceAccessActions"
          Effect = "Allow"
          Action = ["ec2:RunInstances", "ec2:CreateFleet"]
          Resource = [
            "${local.ec2}::image/*",
            "${local.ec2}::snapshot/*",
            "${local.ec2}:*:security-group/*", # subnets and groups of another account can be shared with this one
            "${local.ec2}:*:subnet/*",
            "${local.ec2}:*:capacity-reservation/*",
            "${local.ec2}:*:placement-group/*",
          ]
        },
        {
          Sid      = "AllowScopedEC2LaunchTemplateAccessActions"
          Effect   = "Allow"
          Action   = ["ec2:RunInstances", "ec2:CreateFleet"]
          Resource = "${local.ec2}:${local.account}:launch-template/*"
          Condition = {
            StringEquals = { "aws:ResourceTag/${local.owned}" = "owned" }
            StringLike   = { "aws:ResourceTag/${local.pool}" = "*" }
          }
        },
        {
          Sid      = "AllowScopedEC2InstanceActionsWithTags"
          Effect   = "Allow"
          Action   = ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"]
          Resource = local.launched
          Condition = {
            StringEquals = {
              "aws:RequestTag/${local.owned}"       = "owned"
              "aws:RequestTag/eks:eks-cluster-name" = var.name
            }
            StringLike = { "aws:RequestTag/${local.pool}" = "*" }
          }
        },
        {
          Sid      = "AllowScopedResourceCreationTagging"
          Effect   = "Allow"
          Action   = "ec2:CreateTags"
          Resource = local.launched
          Condition = {
            StringEquals = {
              "aws:RequestTag/${local.owned}"       = "owned"
              "aws:RequestTag/eks:eks-cluster-name" = var.name
              "ec2:CreateAction"                    = ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]
            }
            StringLike = { "aws:RequestTag/${local.pool}" = "*" }
          }
        },
        {
          Sid      = "AllowScopedResourceTagging"
          Effect   = "Allow"
          Action   = "ec2:CreateTags"
          Resource = "${local.ec2}:${local.account}:instance/*"
          Condition = {
            StringEquals                = { "aws:ResourceTag/${local.owned}" = "owned" }
            StringLike                  = { "aws:ResourceTag/${local.pool}" = "*" }
            StringEqualsIfExists        = { "aws:RequestTag/eks:eks-cluster-name" = var.name }
            "ForAllValues:StringEquals" = { "aws:TagKeys" = ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"] }
          }
        },
        {
          Sid      = "AllowScopedDeletion"
          Effect   = "Allow"
          Action   = ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"]
          Resource = ["${local.ec2}:${local.account}:instance/*", "${local.ec2}:${local.account}:launch-template/*"]
          Condition = {
            StringEquals = { "aws:ResourceTag/${local.owned}" = "owned" }
            StringLike   = { "aws:ResourceTag/${local.pool}" = "*" }
          }
        },
      ]
    }

    iam-integration = {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "AllowPassingInstanceRole"
          Effect    = "Allow"
          Action    = "iam:PassRole"
          Resource  = aws_iam_role.node.arn
          Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
        },
        {
          Sid      = "AllowScopedInstanceProfileCreationActions"
          Effect   = "Allow"
          Action   = "iam:CreateInstanceProfile"
          Resource = local.instance_profiles
          Condition = {
            StringEquals = {
              "aws:RequestTag/${local.owned}"       = "owned"
              "aws:RequestTag/eks:eks-cluster-name" = var.name
              "aws:RequestTag/${local.zoneof}"      = local.region
            }
            StringLike = { "aws:RequestTag/${local.class}" = "*" }
          }
        },
        {
          Sid      = "AllowScopedInstanceProfileTagActions"
          Effect   = "Allow"
          Action   = "iam:TagInstanceProfile"
          Resource = local.instance_profiles
          Condition = {
            StringEquals = {
              "aws:ResourceTag/${local.owned}"      = "owned"
              "aws:ResourceTag/${local.zoneof}"     = local.region
              "aws:RequestTag/${local.owned}"       = "owned"
              "aws:RequestTag/eks:eks-cluster-name" = var.name
              "aws:RequestTag/${local.zoneof}"      = local.region
            }
            StringLike = {
              "aws:ResourceTag/${local.class}" = "*"
              "aws:RequestTag/${local.class}"  = "*"
            }
          }
        },
        {
          Sid      = "AllowScopedInstanceProfileActions"
          Effect   = "Allow"
          Action   = ["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"]
          Resource = local.instance_profiles
          Condition = {
            StringEquals = {
              "aws:ResourceTag/${local.owned}"  = "owned"
              "aws:ResourceTag/${local.zoneof}" = local.region
            }
            StringLike = { "aws:ResourceTag/${local.class}" = "*" }
          }
        },
      ]
    }

    eks-integration = {
      Version = "2012-10-17"
      Statement = [{
        Sid      = "AllowAPIServerEndpointDiscovery"
        Effect   = "Allow"
        Action   = "eks:DescribeCluster"
        Resource = "arn:${local.partition}:eks:${local.region}:${local.account}:cluster/${var.name}"
      }]
    }

    interruption = {
      Version = "2012-10-17"
      Statement = [{
        Sid      = "AllowInterruptionQueueActions"
        Effect   = "Allow"
        Action   = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
        Resource = aws_sqs_queue.interruption.arn
      }]
    }

    resource-discovery = {
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "AllowRegionalReadActions"
          Effect = "Allow"
          Action = [
            "ec2:DescribeCapacityReservations",
            "ec2:DescribeImages",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribePlacementGroups",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSpotPriceHistory",
            "ec2:DescribeSubnets",
          ]
          Resource  = "*" # EC2 has no resource-level permission for describing
          Condition = { StringEquals = { "aws:RequestedRegion" = local.region } }
        },
        {
          Sid      = "AllowSSMReadActions"
          Effect   = "Allow"
          Action   = "ssm:GetParameter"
          Resource = "arn:${local.partition}:ssm:${local.region}::parameter/aws/service/*" # AWS' own public parameters: ids of AMIs
        },
        {
          Sid      = "AllowPricingReadActions"
          Effect   = "Allow"
          Action   = "pricing:GetProducts"
          Resource = "*" # the price list has no resource-level permission
        },
        {
          Sid      = "AllowUnscopedInstanceProfileListAction"
          Effect   = "Allow"
          Action   = "iam:ListInstanceProfiles"
          Resource = "*" # listing has no resource-level permission for a single profile
        },
        {
          Sid      = "AllowInstanceProfileReadActions"
          Effect   = "Allow"
          Action   = "iam:GetInstanceProfile"
          Resource = local.instance_profiles
        },
      ]
    }
  }
}
