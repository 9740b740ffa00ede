mock_provider "kubernetes" {}

variables {
  name = "monitoring"
  ingress = {
    queries = {
      pod_labels      = { app = "prometheus" }
      from_namespaces = ["flagger", "helloworld"]
      ports           = [9090]
    }
    webhook = {
      from_cidrs = ["10.10.0.0/16"]
      ports      = [10250]
    }
  }
}

run "restricts_pods_by_default" {
  command = plan

  assert {
    condition = kubernetes_namespace_v1.this.metadata[0].labels == tomap({
      "pod-security.kubernetes.io/enforce"         = "restricted"
      "pod-security.kubernetes.io/enforce-version" = "v1.35"
    })
    error_message = "Pods must meet the restricted standard, of a fixed version."
  }
}

run "lets_in_only_its_own_pods" {
  command = plan

  assert {
    condition = alltrue([
      length(kubernetes_network_policy_v1.default) == 1,
      kubernetes_network_policy_v1.default[0].spec[0].pod_selector[0].match_labels == null,
      kubernetes_network_policy_v1.default[0].spec[0].policy_types == tolist(["Ingress"]),
      length(kubernetes_network_policy_v1.default[0].spec[0].ingress) == 1,
      length(kubernetes_network_policy_v1.default[0].spec[0].ingress[0].from) == 1,
      length(kubernetes_network_policy_v1.default[0].spec[0].ingress[0].from[0].namespace_selector) == 0,
      length(kubernetes_network_policy_v1.default[0].spec[0].ingress[0].from[0].ip_block) == 0,
    ])
    error_message = "All pods of the namespace must be closed to everything but the namespace's own pods."
  }
}

run "lets_in_what_is_named" {
  command = plan

  assert {
    condition = alltrue([
      kubernetes_network_policy_v1.ingress["queries"].spec[0].pod_selector[0].match_labels == tomap({ app = "prometheus" }),
      [for from in kubernetes_network_policy_v1.ingress["queries"].spec[0].ingress[0].from : from.namespace_selector[0].match_labels["kubernetes.io/metadata.name"]] == ["flagger", "helloworld"],
      [for port in kubernetes_network_policy_v1.ingress["queries"].spec[0].ingress[0].ports : port.port] == ["9090"],
    ])
    error_message = "The named namespaces, and no others, must reach the named port of the named pods."
  }

  assert {
    condition     = [for from in kubernetes_network_policy_v1.ingress["webhook"].spec[0].ingress[0].from : from.ip_block[0].cidr] == ["10.10.0.0/16"]
    error_message = "The named address range, and nothing else, must reach the webhook."
  }
}

run "can_be_left_open" {
  command = plan

  variables {
    isolated = false
    ingress  = {}
  }

  assert {
    condition     = length(kubernetes_network_policy_v1.default) == 0 && length(kubernetes_network_policy_v1.ingress) == 0
    error_message = "isolated = false must make no policy."
  }
}

run "refuses_a_rule_for_everyone" {
  command = plan

  variables {
    ingress = { open = { ports = [80] } }
  }

  expect_failures = [var.ingress]
}

run "refuses_a_rule_for_all_ports" {
  command = plan

  variables {
    ingress = { open = { from_namespaces = ["flagger"], ports = [] } }
  }

  expect_failures = [var.ingress]
}

run "refuses_kubernetes_own_namespaces" {
  command = plan

  variables {
    name = "kube-system"
  }

  expect_failures = [var.name]
}

run "refuses_an_unknown_standard" {
  command = plan

  variables {
    pod_security = "strict"
  }

  expect_failures = [var.pod_security]
}
