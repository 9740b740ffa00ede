locals {
  repository_legacy    = "${var.github_organization}/${var.github_repository}"
  repository_immutable = var.github_repository_id == null ? null : "${var.github_organization}@${var.github_organization_id}/${var.github_repository}@${var.github_repository_id}"

  # With ids the names alone are not enough: whoever takes over a freed name would get the role.
  repositories = local.repository_immutable == null ? [local.repository_legacy] : concat(
    [local.repository_immutable],
    var.accept_legacy_subject ? [local.repository_legacy] : [],
  )

  # A job with an environment has that environment in its subject, and no branch: GitHub's rules of the environment say who may deploy.
  subjects = merge(
    { for environment in keys(var.environments) : "environment:${environment}" => [for repository in local.repositories : "repo:${repository}:environment:${environment}"] },
    { pull_request = [for repository in local.repositories : "repo:${repository}:pull_request"] },
  )

  trusts = {
    for claim, subjects in local.subjects : claim => {
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = local.provider_arn }
        Condition = {
          StringEquals = {
            "${local.issuer}:aud" = local.audience
            "${local.issuer}:sub" = subjects
          }
        }
      }]
    }
  }
}
