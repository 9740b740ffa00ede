locals {
  # Without a token the value is no JSON, and the API server refuses to make such a Secret: an error now instead of a failed pull
  # later. A Secret that is there stays as it is, because its value is only sent when the revision changes.
  content = var.token == null ? "no token was given" : jsonencode({
    auths = {
      (var.registry) = {
        username = var.username
        password = var.token
        auth     = base64encode("${var.username}:${var.token}")
      }
    }
  })
}

# Runs for a new revision only, before the Secret. Without it a revision that was raised without a token would be refused by the
# API server and yet stand in the state (provider kubernetes 3.2.1), and the token that comes later would never be sent.
resource "terraform_data" "token_given" {
  triggers_replace = var.token_revision

  provisioner "local-exec" {
    command     = "test \"$GIVEN\" = yes # A new Secret, or a new token_revision, needs the token: give it, for instance as TF_VAR_ghcr_token."
    environment = { GIVEN = var.token == null ? "no" : "yes" }
  }
}

resource "kubernetes_secret_v1" "this" {
  metadata {
    name      = var.name
    namespace = var.namespace
  }

  type = "kubernetes.io/dockerconfigjson"

  # Write-only: the token is in no plan and in no state, so Terraform can't see a change of it. The revision says that there is one.
  data_wo          = { ".dockerconfigjson" = local.content }
  data_wo_revision = var.token_revision

  depends_on = [terraform_data.token_given]
}
