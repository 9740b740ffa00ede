# A boundary grants nothing: it is the ceiling over what a role's own policies, listed action by action, grant. So it names what is
# forbidden. All actions of the controllers, of EKS and of AWS' managed policies would not fit into a policy's 6,144 characters.
locals {
  boundaries = {
    for environment, on in local.resources : environment => {
      Version = "2012-10-17"
      Statement = concat([
        {
          Sid       = "NothingOfTheAccount"
          Effect    = "Allow"
          NotAction = ["account:*", "iam:*", "organizations:*", "sts:AssumeRole", "sts:AssumeRoot", "sts:GetFederationToken"]
          Resource  = "*" # the ceiling; the role's own policies name the resources
        },
        {
          # Karpenter makes instance profiles and passes the nodes' role, the load balancer controller looks for certificates.
          Sid    = "InstanceProfilesAndCertificates"
          Effect = "Allow"
          Action = [
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:GetServerCertificate",
            "iam:ListInstanceProfiles",
            "iam:ListServerCertificates",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:TagInstanceProfile",
          ]
          Resource = "*" # the ceiling; lists have no resource-level permission
        },
        {
          Sid      = "OwnRolesOnly"
          Effect   = "Allow"
          Action   = ["iam:GetRole", "iam:PassRole"]
          Resource = on.roles
        },
        {
          Sid      = "ServiceLinkedRoles"
          Effect   = "Allow"
          Action   = "iam:CreateServiceLinkedRole"
          Resource = [for service in local.linked_services : "arn:${local.partition}:iam::${local.account}:role/aws-service-role/${service}/*"]
        },
        {
          # The states hold the whole platform's settings; a pod has no business with them.
          Sid      = "NoStates"
          Effect   = "Deny"
          Action   = "*" # a Deny: all actions, so that none is forgotten
          Resource = [var.state_bucket_arn, "${var.state_bucket_arn}/*", var.state_lock_table_arn, var.state_kms_key_arn]
        },
        local.other_environments[environment],
        ], [
        # A secret that somebody made by hand may lack the tag; its name says whose it is.
        for other, prefix in local.prefixes : {
          Sid      = "SecretsOf${title(replace(other, "/[^0-9A-Za-z]/", ""))}"
          Effect   = "Deny"
          Action   = ["secretsmanager:*", "ssm:*Parameter*"]
          Resource = ["arn:${local.partition}:secretsmanager:*:${local.account}:secret:${prefix}/*", "arn:${local.partition}:ssm:*:${local.account}:parameter/${prefix}/*"]
        } if other != environment
      ])
    }
  }
}
