variable "partition" {
  description = "Partition of the account, such as aws."
  type        = string
}

variable "region" {
  description = "Region of the deployment."
  type        = string
}

variable "account_id" {
  description = "Account of the deployment."
  type        = string
}

variable "data_bucket" {
  description = "Bucket of lake, artifacts, task logs and the flag file."
  type        = string
}

variable "anchors_bucket" {
  description = "Bucket of the ledgers' heads."
  type        = string
}

variable "logs_bucket" {
  description = "Bucket of the access logs of both."
  type        = string
}

variable "source_bucket_arns" {
  description = "Buckets of others that stages read rows from."
  type        = list(string)
}

variable "key_arn" {
  description = "KMS key of buckets, database, images and secrets."
  type        = string
}

variable "name" {
  description = "Prefix of all names. The names of the deployment's secrets begin with it and /."
  type        = string
}

variable "admin_secret_arn" {
  description = "Secret of PostgreSQL's user postgres, which RDS made."
  type        = string
}

variable "s3_endpoint_id" {
  description = "VPC endpoint through which objects are reached."
  type        = string
}

variable "administrator_arns" {
  description = "Roles that create and change the deployment."
  type        = list(string)
}

variable "oidc_provider_arn" {
  description = "IAM OIDC provider of the EKS cluster."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the service accounts."
  type        = string
}
