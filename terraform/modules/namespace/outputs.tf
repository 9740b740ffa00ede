output "name" {
  description = "Name of the namespace; known once its network policies are there."
  value       = kubernetes_namespace_v1.this.metadata[0].name
  # What is installed into it must not run for a moment without them.
  depends_on = [kubernetes_network_policy_v1.default, kubernetes_network_policy_v1.ingress]
}
