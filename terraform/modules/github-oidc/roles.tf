locals {
  # environment/policy => what a deploy role gets; keys must be known when planning
  deploy_policies = merge([
    for environment, settings in var.environments : {
      for name, policy in merge({ for name, document in local.deploy_documents[environment] : name => jsonencode(document) }, settings.policies) :
      "${environment}/${name}" => { environment = environment, name = name, policy = policy }
    }
  ]...)
}

resource "aws_iam_role" "deploy" {
  for_each = var.environments

  name                 = "${var.name}-deploy-${each.key}"
  description          = "GitHub Actions of ${local.repository_legacy} in the environment ${each.key}"
  assume_role_policy   = jsonencode(local.trusts["environment:${each.key}"])
  max_session_duration = var.max_session_seconds
  tags                 = var.tags
}

resource "aws_iam_policy" "deploy" {
  for_each = local.deploy_policies

  name        = "${var.name}-deploy-${each.value.environment}-${each.value.name}"
  description = "${each.value.name} of role ${var.name}-deploy-${each.value.environment}"
  policy      = each.value.policy
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "deploy" {
  for_each = local.deploy_policies

  role       = aws_iam_role.deploy[each.value.environment].name
  policy_arn = aws_iam_policy.deploy[each.key].arn
}

# One role for all environments: a pull request's token names no environment.
resource "aws_iam_role" "plan" {
  count = var.plan_role ? 1 : 0

  name                 = "${var.name}-plan"
  description          = "Plans on pull requests of ${local.repository_legacy}: reads only"
  assume_role_policy   = jsonencode(local.trusts["pull_request"])
  max_session_duration = 3600
  tags                 = var.tags
}

resource "aws_iam_policy" "plan" {
  for_each = { for name, document in local.plan_documents : name => document if var.plan_role }

  name        = "${var.name}-plan-${each.key}"
  description = "${each.key} of role ${var.name}-plan"
  policy      = jsonencode(each.value)
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "plan" {
  for_each = aws_iam_policy.plan

  role       = aws_iam_role.plan[0].name
  policy_arn = each.value.arn
}

resource "aws_iam_policy" "boundary" {
  for_each = var.environments

  name        = "${var.name}-boundary-${each.key}"
  description = "The most that any role made by ${var.name}-deploy-${each.key} can do"
  policy      = jsonencode(local.boundaries[each.key])
  tags        = var.tags
}
