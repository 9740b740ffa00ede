output "namespace" {
  description = "Namespace of Flagger."
  value       = local.namespace
}

output "loadtester_url" {
  description = "URL of the load tester for a Canary's webhooks; null when it is not installed."
  value       = local.loadtester ? "http://flagger-loadtester.${var.application_namespace}/" : null
}
