mock_provider "helm" {}

mock_provider "kubernetes" {}

variables {
  metrics_server        = "http://kube-prometheus-stack-prometheus.monitoring:9090"
  application_namespace = "helloworld"
}

run "reads_the_given_prometheus_without_a_mesh" {
  command = plan

  assert {
    condition = (
      yamldecode(helm_release.this[0].values[0]).metricsServer == var.metrics_server
      && yamldecode(helm_release.this[0].values[0]).meshProvider == "kubernetes"
    )
    error_message = "Flagger reads the given Prometheus; kubernetes is its provider without a mesh."
  }

  assert {
    condition     = helm_release.this[0].namespace == "flagger" && helm_release.this[0].version == var.chart_version
    error_message = "The exact version, in a namespace of its own."
  }
}

run "pods_are_restricted" {
  command = plan

  assert {
    condition = alltrue([
      for values in [yamldecode(helm_release.this[0].values[0]), yamldecode(helm_release.loadtester[0].values[0])] : alltrue([
        values.securityContext.enabled,
        values.securityContext.context.runAsNonRoot,
        values.securityContext.context.readOnlyRootFilesystem,
        !values.securityContext.context.allowPrivilegeEscalation,
        values.securityContext.context.capabilities.drop == ["ALL"],
        values.securityContext.context.seccompProfile.type == "RuntimeDefault",
      ])
    ])
    error_message = "Both namespaces admit only restricted pods: others would never start."
  }
}

run "only_flagger_reaches_the_load_tester" {
  command = plan

  assert {
    condition = alltrue([
      kubernetes_network_policy_v1.loadtester[0].metadata[0].namespace == "helloworld",
      kubernetes_network_policy_v1.loadtester[0].spec[0].pod_selector[0].match_labels == tomap({ app = "loadtester" }),
      length(kubernetes_network_policy_v1.loadtester[0].spec[0].ingress[0].from) == 1,
      kubernetes_network_policy_v1.loadtester[0].spec[0].ingress[0].from[0].namespace_selector[0].match_labels["kubernetes.io/metadata.name"] == "flagger",
      kubernetes_network_policy_v1.loadtester[0].spec[0].ingress[0].from[0].pod_selector[0].match_labels["app.kubernetes.io/name"] == "flagger",
    ])
    error_message = "The load tester runs the commands that it is sent: only Flagger's pods may reach it."
  }

  assert {
    condition     = yamldecode(helm_release.loadtester[0].values[0]).cmd.namespaceRegexp == "^helloworld$"
    error_message = "It works for canaries of its own namespace only."
  }

  assert {
    condition     = output.loadtester_url == "http://flagger-loadtester.helloworld/" && yamldecode(helm_release.loadtester[0].values[0]).fullnameOverride == "flagger-loadtester"
    error_message = "The application's chart calls this address."
  }
}

run "several_replicas_elect_a_leader" {
  command = plan

  variables {
    replicas = 2
  }

  assert {
    condition     = yamldecode(helm_release.this[0].values[0]).leaderElection == { enabled = true, replicaCount = 2 }
    error_message = "Two Flaggers without an elected leader would work against each other."
  }
}

run "without_load_tester" {
  command = plan

  variables {
    loadtester = false
  }

  assert {
    condition     = length(helm_release.loadtester) == 0 && length(kubernetes_network_policy_v1.loadtester) == 0 && output.loadtester_url == null
    error_message = "loadtester = false leaves the application's namespace alone."
  }
}

run "nothing_without_charts" {
  command = plan

  variables {
    install_chart = false
  }

  assert {
    condition     = length(helm_release.this) == 0 && length(helm_release.loadtester) == 0 && length(module.namespace) == 0
    error_message = "install_chart = false leaves the cluster alone."
  }
}

run "refuses_a_provider_that_the_chart_does_not_know" {
  command = plan

  variables {
    mesh_provider = "nginx"
  }

  expect_failures = [var.mesh_provider]
}

run "refuses_an_address_without_scheme" {
  command = plan

  variables {
    metrics_server = "prometheus:9090"
  }

  expect_failures = [var.metrics_server]
}
