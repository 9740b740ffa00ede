output "addon_version" {
  description = "Version of the addon that runs."
  value       = aws_eks_addon.this.addon_version
}
