output "data_bucket" {
  description = "Bucket of lake, artifacts, task logs and the flag file."
  value       = aws_s3_bucket.data.id
}

output "anchors_bucket" {
  description = "Bucket of the ledgers' heads. Nobody can delete or replace what it has."
  value       = aws_s3_bucket.anchors.id
}

output "variables" {
  description = "Variables of Airworthy's processes that name places of this module. None is a secret."
  value = {
    AIRWORTHY_LAKE         = "s3://${aws_s3_bucket.data.id}/lake"
    AIRWORTHY_ARTIFACTS    = "s3://${aws_s3_bucket.data.id}/artifacts"
    AIRWORTHY_FLAGS        = "s3://${aws_s3_bucket.data.id}/flags.json"
    AWS_REGION             = data.aws_region.current.region
    AWS_CHECKSUM_ALGORITHM = "sha256"
  }
}

output "anchors_uri" {
  description = "Address for `anchors` of the environment's file."
  value       = "s3://${aws_s3_bucket.anchors.id}/anchors"
}

output "task_logs_uri" {
  description = "Address for Airflow's task logs (AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER)."
  value       = "s3://${aws_s3_bucket.data.id}/airflow-logs"
}

output "mlflow_artifacts_uri" {
  description = "Address for MLflow's server (--artifacts-destination)."
  value       = "s3://${aws_s3_bucket.data.id}/artifacts"
}

output "region" {
  description = "Region of everything."
  value       = data.aws_region.current.region
}

output "role_arns" {
  description = "Workload -> IAM role, for the annotation eks.amazonaws.com/role-arn of its service account. Workloads: stage (pods of stages), worker (tasks), airflow (its other parts), server (model servers and their collectors), mlflow, secrets (what copies secrets into the cluster)."
  value       = { for workload, role in aws_iam_role.workload : workload => role.arn }
}

output "service_accounts" {
  description = "Workload -> name of its service account in the namespace. Only that one may take the role."
  value       = module.policies.service_accounts
}

output "namespace" {
  description = "Kubernetes namespace of the service accounts."
  value       = var.namespace
}

output "repository_urls" {
  description = "Image -> address of its ECR repository, without a tag. Images: airworthy-stage, airworthy-server, airworthy-airflow."
  value       = { for image, repository in aws_ecr_repository.image : image => repository.repository_url }
}

output "database_host" {
  description = "Host of PostgreSQL, on port 5432. It answers TLS only."
  value       = aws_db_instance.main.address
}

output "database_port" {
  description = "Port of PostgreSQL."
  value       = aws_db_instance.main.port
}

output "database_admin_secret_arn" {
  description = "Secret of PostgreSQL's user postgres: JSON with username and password. RDS rotates it."
  value       = aws_db_instance.main.master_user_secret[0].secret_arn
}

output "secret_arns" {
  description = "Name -> secret with one random value. Names: the keys of local.secrets in secrets.tf."
  # Of the versions: who reads a secret comes after its value.
  value = { for name, version in aws_secretsmanager_secret_version.generated : name => version.arn }
}

output "kms_key_arn" {
  description = "Key that encrypts buckets, database, images and secrets."
  value       = aws_kms_key.main.arn
}

output "database_security_group_id" {
  description = "Security group of PostgreSQL."
  value       = aws_security_group.database.id
}

output "endpoints_security_group_id" {
  description = "Security group of the interface endpoints."
  value       = aws_security_group.endpoints.id
}
