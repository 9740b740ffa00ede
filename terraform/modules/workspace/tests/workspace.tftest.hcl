run "says_what_is_selected" {
  command = plan

  assert {
    condition     = output.name == terraform.workspace
    error_message = "It gives the selected workspace."
  }
}
