variable "kubeconfig" {
  description = "File with the cluster's address and login."
  type        = string
  default     = "~/.kube/config"
}

variable "kubeconfig_context" {
  description = "Context of that file. Name it: the present one may be another cluster's."
  type        = string
}

variable "environment" {
  description = "File of include/environments."
  type        = string
  default     = "dev"
}

variable "images" {
  description = "Images with their repository and tag."
  type = object({
    airflow_repository = string
    server_repository  = string
    tag                = string
  })
}

variable "executor" {
  description = "KubernetesExecutor or CeleryExecutor."
  type        = string
  default     = "KubernetesExecutor"
}

variable "project" {
  description = "Git repository and commit of code, DAGs and models. Without it they are the image's."
  type        = object({ repository = string, commit = string })
  default     = null
}

variable "bucket" {
  description = "Bucket of lake, artifacts and task logs. It is there."
  type        = string
}

variable "object_store_url" {
  description = "Address of the object store, when it is not Amazon's."
  type        = string
  default     = null
}

variable "region" {
  description = "Region of the bucket; any text for most other object stores."
  type        = string
  default     = "us-east-1"
}

variable "database" {
  description = "PostgreSQL: host, port, sslmode."
  type = object({
    host    = string
    port    = optional(number, 5432)
    sslmode = optional(string, "require")
  })
}

variable "secrets" {
  description = "The secrets of modules/cluster, by TF_VAR_secrets or a file that is not committed. No state has them."
  ephemeral   = true
  type = object({
    airflow_admin_password    = string
    airflow_database_password = string
    anchor_key                = optional(string)
    api_secret_key            = string
    celery_database_password  = optional(string)
    client_token              = string
    fernet_key                = string
    grafana_password          = string
    jwt_secret                = string
    mlflow_database_password  = string
    mlflow_password           = string
    redis_password            = optional(string)
    s3_access_key             = optional(string)
    s3_secret_key             = optional(string)
    server_token              = string
  })
}

variable "secrets_revision" {
  description = "One more than before writes the secrets anew."
  type        = number
  default     = 1
}

variable "client_namespaces" {
  description = "Namespaces whose pods may reach Airflow, MLflow, Grafana and the model servers."
  type        = list(string)
  default     = []
}

variable "egress" {
  description = "Where pods may go beyond the namespace, on TCP."
  type        = object({ cidrs = list(string), ports = list(number) })
  default = {
    cidrs = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    ports = [443, 5432, 6443, 8333]
  }
}

variable "monitoring" {
  description = "own or operator."
  type        = string
  default     = "own"
}
