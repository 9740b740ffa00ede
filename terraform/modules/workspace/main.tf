# A module only so that tests can say which workspace is selected: `terraform test` runs in one, and the stack has two.
locals {
  selected = terraform.workspace
}
