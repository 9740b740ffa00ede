# Does nothing while the cluster lives. It is the first thing that `terraform destroy` removes, and its pre-delete hook takes away
# what Terraform doesn't know and AWS would go on charging for: load balancers of Ingresses and Services, which Flux would bring
# back unless its sync goes before them.
resource "helm_release" "this" {
  name      = "teardown"
  namespace = "kube-system"
  chart     = "${path.module}/charts/teardown"
  values = [yamlencode({
    kubectlImage = "registry.k8s.io/kubectl:v${var.kubectl_version}"
    flux         = var.flux
    timeout      = "${var.step_timeout_seconds}s"
    # All steps one after the other, and some time for the image and the pod.
    deadlineSeconds = 5 * var.step_timeout_seconds + 120
  })]

  disable_webhooks = false # the hook is all of it
  max_history      = 5
  timeout          = 5 * var.step_timeout_seconds + 300

  lifecycle {
    # Not a validation, which would stop a destroy too: the hook there is the one that was installed.
    precondition {
      condition     = abs(tonumber(split(".", var.kubectl_version)[1]) - tonumber(split(".", var.kubernetes_version)[1])) <= 1
      error_message = "kubectl_version ${var.kubectl_version} is not within one minor version of the cluster's ${var.kubernetes_version}, and kubectl works with no other. Raise the one that is behind: kubectl_version of this module, or kubernetes_version in terraform/main.tf."
    }
  }
}
