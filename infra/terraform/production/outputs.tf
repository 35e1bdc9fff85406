output "namespace" {
  description = "Namespace of everything here."
  value       = module.cluster.namespace
}

output "addresses" {
  description = "Part -> its address in the cluster."
  value       = module.cluster.addresses
}

output "repository_urls" {
  description = "Image -> its repository: docker push."
  value       = module.aws.repository_urls
}

output "database_host" {
  description = "PostgreSQL."
  value       = module.aws.database_host
}

output "database_admin_secret_arn" {
  description = "Secret of PostgreSQL's user postgres."
  value       = module.aws.database_admin_secret_arn
}

output "role_arns" {
  description = "Workload -> IAM role. The model servers' account gets the role `server`."
  value       = module.aws.role_arns
}
