variable "environment" {
  description = "The environment whose settings are wanted: dev or prod."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "There is no such environment: dev and prod are in the table of terraform/main.tf."
  }
}
