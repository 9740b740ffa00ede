# The core rules only: the AWS ruleset is a plugin that has to be downloaded, and a checkout must be checkable without.
config {
  call_module_type = "local"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}
