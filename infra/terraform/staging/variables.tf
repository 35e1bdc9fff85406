variable "region" {
  description = "AWS region."
  type        = string
}

variable "kubeconfig" {
  description = "File with the cluster's address and login: aws eks update-kubeconfig."
  type        = string
  default     = "~/.kube/config"
}

variable "kubeconfig_context" {
  description = "Context of that file. Name it: the present one may be another cluster's."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the cluster."
  type        = string
}

variable "private_cidrs" {
  description = "Addresses of the VPC: pods may go there, to the database and the endpoints."
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "Private subnets, two or more, each in another availability zone."
  type        = list(string)
}

variable "private_route_table_ids" {
  description = "Route tables of those subnets."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "Name -> security group that may reach database and endpoints, the EKS nodes' for example."
  type        = map(string)
}

variable "oidc_provider_arn" {
  description = "IAM OIDC provider of the EKS cluster."
  type        = string
}

variable "administrator_arns" {
  description = "Roles that run Terraform here. Objects of the bucket are not theirs to read from outside the VPC."
  type        = list(string)
}

variable "image_tag" {
  description = "Tag of the images in the repositories of modules/aws."
  type        = string
}

variable "project" {
  description = "Git repository and commit of code, DAGs and models. Without it they are the image's."
  type        = object({ repository = string, commit = string })
  default     = null
}

variable "settings" {
  description = "Further variables of Airworthy's processes, none of them a secret."
  type        = map(string)
  default     = {}
}

variable "secrets_revision" {
  description = "One more than before reads the secrets anew."
  type        = number
  default     = 1
}

variable "airflow_url" {
  description = "Airflow's address for a browser."
  type        = string
}

variable "mlflow_hosts" {
  description = "Further names and ports by which MLflow is asked."
  type        = list(string)
  default     = []
}

variable "client_namespaces" {
  description = "Namespaces whose pods may reach Airflow, MLflow, Grafana and the model servers: the Ingress controller's."
  type        = list(string)
  default     = []
}

variable "monitoring" {
  description = "own or operator."
  type        = string
  default     = "own"
}

variable "chart_repository" {
  description = "Where the chart of Airflow is."
  type        = string
  default     = "https://airflow.apache.org"
}
