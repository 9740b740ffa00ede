output "url" {
  description = "Prometheus inside the cluster, for Flagger's metricsServer."
  value       = "http://${local.release}-prometheus.${local.namespace}:9090"
}

output "namespace" {
  description = "Namespace of the monitoring."
  value       = local.namespace
}
