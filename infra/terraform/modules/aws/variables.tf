variable "name" {
  description = "Prefix of all names, such as airworthy-production. One deployment has one."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}[a-z0-9]$", var.name))
    error_message = "The name has 4 to 32 characters: lower-case letters, digits and hyphens. It begins with a letter."
  }
}

variable "vpc_id" {
  description = "VPC of the cluster."
  type        = string
}

variable "private_subnet_ids" {
  description = "Private subnets, two or more, each in another availability zone: database and interface endpoints."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "RDS needs two private subnets or more, each in another availability zone."
  }
}

variable "private_route_table_ids" {
  description = "Route tables of those subnets. They get the route to S3."
  type        = list(string)

  validation {
    condition     = length(var.private_route_table_ids) >= 1
    error_message = "Without a route table, nothing in the VPC reaches the buckets."
  }
}

variable "client_security_group_ids" {
  description = "Name -> security group that may reach the database and the endpoints, such as nodes -> the EKS nodes' group."
  type        = map(string)
}

variable "oidc_provider_arn" {
  description = "IAM OIDC provider of the EKS cluster."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the service accounts."
  type        = string
  default     = "airworthy"
}

variable "administrator_arns" {
  description = "Roles that create and change the deployment. From outside the VPC they see the names of objects, not the objects."
  type        = list(string)

  validation {
    condition     = length(var.administrator_arns) >= 1
    error_message = "Terraform itself asks for the buckets: name the role that runs it."
  }
}

variable "source_bucket_arns" {
  description = "Other buckets that stages read rows from."
  type        = list(string)
  default     = []
}

variable "s3_endpoint_id" {
  description = "Gateway endpoint of S3 that the VPC has. Null: one is made."
  type        = string
  default     = null
}

variable "create_interface_endpoints" {
  description = "Make the endpoints of ECR, KMS, Secrets Manager and STS. False: the VPC has them."
  type        = bool
  default     = true
}

variable "lock_days" {
  description = "Days for which no version of an object in the data bucket can be removed."
  type        = number
  default     = 30

  validation {
    condition     = var.lock_days >= 1
    error_message = "The lock lasts a day or more."
  }
}

variable "anchors_lock_days" {
  description = "Days for which nobody at all, the account's root included, can remove a ledger's head."
  type        = number
  default     = 365

  validation {
    condition     = var.anchors_lock_days >= 1
    error_message = "The lock lasts a day or more."
  }
}

variable "database_instance_class" {
  description = "Class of the database's instance."
  type        = string
  default     = "db.t4g.medium"
}

variable "database_storage_gib" {
  description = "Storage of the database in GiB. It grows by itself up to five times as much."
  type        = number
  default     = 50
}

variable "database_multi_az" {
  description = "Keep a second instance in another availability zone."
  type        = bool
  default     = true
}

variable "database_backup_days" {
  description = "Days for which the database can be brought back to any minute."
  type        = number
  default     = 14

  validation {
    condition     = var.database_backup_days >= 7 && var.database_backup_days <= 35
    error_message = "RDS keeps backups for 35 days at most. Fewer than 7 are too few."
  }
}

variable "tags" {
  description = "Further tags of all resources."
  type        = map(string)
  default     = {}
}
