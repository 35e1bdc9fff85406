data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  # A bucket's name is taken once in all of AWS, so it has the account's number.
  buckets = { for bucket in ["data", "anchors", "logs"] : bucket => "${var.name}-${bucket}-${local.account_id}" }
  tags    = merge(var.tags, { application = "airworthy", deployment = var.name })
}

module "policies" {
  source = "./policies"

  partition          = data.aws_partition.current.partition
  region             = data.aws_region.current.region
  account_id         = local.account_id
  data_bucket        = local.buckets.data
  anchors_bucket     = local.buckets.anchors
  logs_bucket        = local.buckets.logs
  source_bucket_arns = var.source_bucket_arns
  key_arn            = aws_kms_key.main.arn
  name               = var.name
  admin_secret_arn   = aws_db_instance.main.master_user_secret[0].secret_arn
  s3_endpoint_id     = local.s3_endpoint_id
  administrator_arns = var.administrator_arns
  oidc_provider_arn  = var.oidc_provider_arn
  namespace          = var.namespace
}
