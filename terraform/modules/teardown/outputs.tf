output "release" {
  description = "Name of the release whose removal starts the teardown."
  value       = helm_release.this.name
}
