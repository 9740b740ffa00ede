output "name" {
  description = "Name of the selected workspace."
  value       = local.selected
}
