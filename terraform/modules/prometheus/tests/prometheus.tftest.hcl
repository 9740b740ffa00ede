mock_provider "helm" {}

mock_provider "kubernetes" {}

variables {
  vpc_cidr = "10.10.0.0/16"
}

run "sees_everybodys_monitors" {
  command = plan

  assert {
    condition = alltrue([
      for selector in ["serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig"] :
      yamldecode(helm_release.this[0].values[0]).prometheus.prometheusSpec["${selector}SelectorNilUsesHelmValues"] == false
    ])
    error_message = "Prometheus must see monitors and rules that others make: the application's are in its own release."
  }
}

run "has_the_address_that_others_ask" {
  command = plan

  assert {
    condition     = output.url == "http://kube-prometheus-stack-prometheus.monitoring:9090"
    error_message = "The application's chart asks this address (canary.metrics.prometheusAddress)."
  }

  assert {
    condition = (
      yamldecode(helm_release.this[0].values[0]).fullnameOverride == "kube-prometheus-stack"
      && helm_release.this[0].namespace == "monitoring"
      && helm_release.this[0].name == "kube-prometheus-stack"
    )
    error_message = "The release's names must give that address."
  }
}

run "is_small_and_forgetful_by_default" {
  command = plan

  assert {
    condition = (
      yamldecode(helm_release.this[0].values[0]).prometheus.prometheusSpec.replicas == 1
      && yamldecode(helm_release.this[0].values[0]).prometheus.prometheusSpec.storageSpec == { emptyDir = { sizeLimit = "10Gi" } }
    )
    error_message = "Without storage it uses the node's disk, with a limit."
  }
}

run "keeps_metrics_on_volumes_that_go_with_it" {
  command = plan

  variables {
    replicas      = 2
    retention     = "15d"
    storage       = "100Gi"
    storage_class = "gp3"
  }

  assert {
    condition = yamldecode(helm_release.this[0].values[0]).prometheus.prometheusSpec.storageSpec == {
      volumeClaimTemplate = {
        spec = {
          storageClassName = "gp3"
          accessModes      = ["ReadWriteOnce"]
          resources        = { requests = { storage = "100Gi" } }
        }
      }
    }
    error_message = "Each instance gets a volume of the size and class."
  }

  assert {
    condition = (
      yamldecode(helm_release.this[0].values[0]).prometheus.prometheusSpec.replicas == 2
      && yamldecode(helm_release.this[0].values[0]).prometheus.prometheusSpec.retention == "15d"
      && yamldecode(helm_release.this[0].values[0]).prometheus.prometheusSpec.persistentVolumeClaimRetentionPolicy.whenDeleted == "Delete"
    )
    error_message = "Volumes must be deleted with the release, or they are paid for after the cluster is gone."
  }
}

run "asks_nothing_that_eks_hides" {
  command = plan

  assert {
    condition = alltrue([
      for part in ["kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy"] :
      yamldecode(helm_release.this[0].values[0])[part].enabled == false
    ])
    error_message = "EKS lets nobody scrape these: their alerts would always fire."
  }
}

run "scrapes_the_platforms_controllers" {
  command = plan

  assert {
    condition = {
      for monitor in yamldecode(helm_release.this[0].values[0]).prometheus.additionalPodMonitors :
      monitor.name => "${one(monitor.namespaceSelector.matchNames)}/${one(monitor.podMetricsEndpoints).port}"
      } == {
      "aws-load-balancer-controller" = "kube-system/metrics-server"
      "external-secrets"             = "external-secrets/metrics"
      "flux"                         = "flux-system/http-prom"
      "karpenter"                    = "kube-system/http-metrics"
    }
    error_message = "Controllers of the platform must be scraped, each at its own port."
  }
}

run "lets_in_only_named_namespaces" {
  command = plan

  variables {
    client_namespaces = ["flagger"]
  }

  assert {
    condition     = local.ingress.queries.from_namespaces == tolist(["flagger"]) && local.ingress.queries.ports == [9090] && local.ingress.queries.from_cidrs == []
    error_message = "The named namespaces reach Prometheus' own port, and nobody else."
  }

  assert {
    condition     = local.ingress.webhook.from_cidrs == ["10.10.0.0/16"] && local.ingress.webhook.from_namespaces == [] && local.ingress.webhook.ports == [10250]
    error_message = "The API server, which is in the VPC, reaches the operator's webhook."
  }
}

run "lets_in_nobody_by_default" {
  command = plan

  assert {
    condition     = keys(local.ingress) == ["webhook"]
    error_message = "Without named namespaces nobody reaches Prometheus."
  }
}

run "nothing_without_charts" {
  command = plan

  variables {
    install_chart = false
  }

  assert {
    condition     = length(helm_release.this) == 0 && length(module.namespace) == 0
    error_message = "install_chart = false leaves the cluster alone."
  }
}

run "refuses_a_retention_that_is_none" {
  command = plan

  variables {
    retention = "forever"
  }

  expect_failures = [var.retention]
}

run "refuses_a_size_that_is_none" {
  command = plan

  variables {
    storage = "100"
  }

  expect_failures = [var.storage]
}
