output "service_accounts" {
  description = "Workload -> name of its service account."
  value       = local.service_accounts
}

output "workloads" {
  description = "Workload -> policy of its role, as JSON."
  value = { for workload, statements in local.statements : workload => jsonencode({
    Version = "2012-10-17", Statement = statements
  }) }
}

output "trust" {
  description = "Workload -> who may take its role, as JSON."
  value       = { for workload, document in local.trust : workload => jsonencode(document) }
}

output "buckets" {
  description = "Bucket (data, anchors, logs) -> its policy, as JSON."
  value = { for bucket, statements in local.bucket_statements : bucket => jsonencode({
    Version = "2012-10-17", Statement = statements
  }) }
}

output "endpoints" {
  description = "Endpoint (s3, sts; account: every other one) -> its policy, as JSON."
  value = { for endpoint, statements in local.endpoint_statements : endpoint => jsonencode({
    Version = "2012-10-17", Statement = statements
  }) }
}
