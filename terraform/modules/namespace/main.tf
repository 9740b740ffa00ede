resource "kubernetes_namespace_v1" "this" {
  metadata {
    name = var.name
    labels = merge({
      # Only enforce: warn and audit are for whoever else labels the namespace (Flux does).
      "pod-security.kubernetes.io/enforce"         = var.pod_security
      "pod-security.kubernetes.io/enforce-version" = var.pod_security_version
    }, var.labels)
  }

  timeouts {
    delete = "15m" # volumes and finalizers of what lived in it
  }
}

# Nobody comes in but the namespace's own pods, and who is named below. Traffic from a pod's own node (probes) is always let in.
resource "kubernetes_network_policy_v1" "default" {
  count = var.isolated ? 1 : 0

  metadata {
    name      = "own-namespace-only"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    pod_selector {}
    policy_types = ["Ingress"]

    ingress {
      from {
        pod_selector {}
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "ingress" {
  for_each = var.ingress

  metadata {
    name      = each.key
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    pod_selector {
      match_labels = each.value.pod_labels
    }
    policy_types = ["Ingress"]

    ingress {
      dynamic "from" {
        for_each = each.value.from_namespaces
        content {
          namespace_selector {
            match_labels = { "kubernetes.io/metadata.name" = from.value }
          }
        }
      }

      dynamic "from" {
        for_each = each.value.from_cidrs
        content {
          ip_block {
            cidr = from.value
          }
        }
      }

      dynamic "ports" {
        for_each = each.value.ports
        content {
          port     = ports.value
          protocol = "TCP"
        }
      }
    }
  }
}
