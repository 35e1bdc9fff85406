# No provider: Terraform evaluates this module anywhere, and a test compares the result with CloudFormation's.
terraform {
  required_version = ">= 1.11.0"
}
