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
