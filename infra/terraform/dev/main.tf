# Airworthy in a namespace of any cluster: a trial, or a team's own environment. PostgreSQL and an object store are there.
#   terraform -chdir=infra/terraform/dev init && terraform -chdir=infra/terraform/dev apply
module "cluster" {
  source = "../modules/cluster"

  environment = var.environment
  namespace   = "airworthy-${var.environment}"
  images      = var.images
  executor    = var.executor
  project     = var.project

  lake      = "s3://${var.bucket}/lake"
  artifacts = "s3://${var.bucket}/artifacts"
  task_logs = "s3://${var.bucket}/airflow-logs"
  settings = merge({
    AIRWORTHY_FLAGS = "s3://${var.bucket}/flags.json"
    AWS_REGION      = var.region
    }, var.object_store_url == null ? {} : {
    AWS_ENDPOINT_URL = var.object_store_url
    AWS_ALLOW_HTTP   = tostring(startswith(var.object_store_url, "http://"))
  })

  database         = var.database
  secrets          = var.secrets
  secrets_revision = var.secrets_revision

  client_namespaces = var.client_namespaces
  egress            = var.egress
  monitoring        = var.monitoring
}
