mock_provider "kubernetes" {}

variables {
  namespace = "helloworld"
  username  = "damekarv"
  token     = "ghp_0123456789"
}

run "is_a_pull_secret" {
  command = plan

  assert {
    condition = (
      kubernetes_secret_v1.this.type == "kubernetes.io/dockerconfigjson"
      && kubernetes_secret_v1.this.metadata[0].name == "ghcr-secret"
      && kubernetes_secret_v1.this.metadata[0].namespace == "helloworld"
    )
    error_message = "The application's pods name ghcr-secret in helloworld as their pull secret."
  }
}

run "keeps_the_token_nowhere" {
  command = apply

  assert {
    condition     = kubernetes_secret_v1.this.data_wo == null && try(length(kubernetes_secret_v1.this.data), 0) == 0
    error_message = "The token must be in no state: it may only be in the write-only attribute."
  }

  assert {
    condition     = kubernetes_secret_v1.this.data_wo_revision == 1
    error_message = "The revision says when to write it."
  }
}

run "needs_no_token_later" {
  command = plan

  variables {
    token = null
  }

  assert {
    condition     = kubernetes_secret_v1.this.data_wo_revision == 1
    error_message = "A plan without a token must be possible: nothing is sent while the revision is the same."
  }
}

run "refuses_a_token_with_a_line_end" {
  command = plan

  variables {
    token = "ghp_0123456789\n"
  }

  expect_failures = [var.token]
}

run "refuses_an_empty_token" {
  command = plan

  variables {
    token = ""
  }

  expect_failures = [var.token]
}

run "refuses_revision_zero" {
  command = plan

  variables {
    token_revision = 0
  }

  expect_failures = [var.token_revision]
}

run "refuses_a_registry_with_a_path" {
  command = plan

  variables {
    registry = "https://ghcr.io/damekarv"
  }

  expect_failures = [var.registry]
}
