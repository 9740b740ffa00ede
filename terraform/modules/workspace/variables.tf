# No inputs: the answer comes from Terraform itself.
