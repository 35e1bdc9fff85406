variable "environment" {
  description = "File of include/environments, such as production."
  type        = string
}

variable "namespace" {
  description = "Namespace that is made for everything here."
  type        = string
}

variable "images" {
  description = "Images with their repository and tag. A tag is never used twice."
  type = object({
    airflow_repository = string
    server_repository  = string
    tag                = string
  })

  validation {
    condition     = var.images.tag != "latest"
    error_message = "The tag is that of one build. With latest nobody knows which code runs."
  }
}

variable "executor" {
  description = "Airflow's executor: KubernetesExecutor (a pod for each task) or CeleryExecutor (workers that stay)."
  type        = string
  default     = "KubernetesExecutor"

  validation {
    condition     = contains(["KubernetesExecutor", "CeleryExecutor"], var.executor)
    error_message = "The executor is KubernetesExecutor or CeleryExecutor."
  }
}

variable "project" {
  description = "Git repository and commit of code, DAGs and models. Without it they are the image's."
  type        = object({ repository = string, commit = string })
  default     = null

  validation {
    condition     = var.project == null || can(regex("^[0-9a-f]{40}$", var.project.commit))
    error_message = "The commit is given in full, 40 characters: a branch would change the code of a run under way."
  }
}

variable "highly_available" {
  description = "Two of each part that can have two."
  type        = bool
  default     = false
}

variable "lake" {
  description = "Where the lake is, s3://BUCKET/lake."
  type        = string
}

variable "artifacts" {
  description = "Where MLflow's server keeps artifacts, s3://BUCKET/artifacts."
  type        = string
}

variable "task_logs" {
  description = "Where Airflow keeps the logs of tasks, s3://BUCKET/airflow-logs."
  type        = string
}

variable "settings" {
  description = "Further variables of Airworthy's processes, such as AIRWORTHY_FLAGS or AWS_ENDPOINT_URL. None is a secret."
  type        = map(string)
  default     = {}
}

variable "database" {
  description = "PostgreSQL with the databases and users airflow, mlflow and, with CeleryExecutor, celery (docs/how-to/terraform.md)."
  type = object({
    host    = string
    port    = optional(number, 5432)
    sslmode = optional(string, "require")
  })
}

variable "role_arns" {
  description = "Workload (airflow, mlflow) -> IAM role of its service account. Without one, `secrets` has the object store's keys."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Passwords, keys and tokens. They are in no state and no plan."
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

  validation {
    condition     = var.executor != "CeleryExecutor" || (var.secrets.redis_password != null && var.secrets.celery_database_password != null)
    error_message = "CeleryExecutor needs redis_password and celery_database_password among the secrets."
  }

  validation {
    condition     = (var.secrets.s3_access_key == null) == (var.secrets.s3_secret_key == null)
    error_message = "s3_access_key and s3_secret_key come together, or neither with roles of the cloud."
  }
}

variable "secrets_revision" {
  description = "One more than before writes the secrets anew. Then: kubectl rollout restart deployment."
  type        = number
  default     = 1
}

variable "airflow_url" {
  description = "Airflow's address for a browser."
  type        = string
  default     = "http://localhost:8080"
}

variable "mlflow_hosts" {
  description = "Further names and ports by which MLflow is asked, an Ingress's for example."
  type        = list(string)
  default     = []
}

variable "client_namespaces" {
  description = "Namespaces whose pods may reach what answers people and programs, an Ingress controller's for example."
  type        = list(string)
  default     = []
}

variable "egress" {
  description = "Where pods may go beyond the namespace, on TCP: object store, database, the cluster's API. Default: private networks."
  type        = object({ cidrs = list(string), ports = list(number) })
  default = {
    cidrs = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    ports = [443, 5432, 6443]
  }
}

variable "quota" {
  description = "Most that all pods of the namespace have."
  type        = map(string)
  default = {
    "requests.cpu"           = "32"
    "requests.memory"        = "64Gi"
    "limits.memory"          = "128Gi"
    "pods"                   = "100"
    "persistentvolumeclaims" = "20"
    "services.loadbalancers" = "0"
    "services.nodeports"     = "0"
  }
}

variable "monitoring" {
  description = "own: Prometheus and Grafana here. operator: the Prometheus operator of the cluster is told what to ask."
  type        = string
  default     = "own"

  validation {
    condition     = contains(["own", "operator"], var.monitoring)
    error_message = "The monitoring is own or operator."
  }
}

variable "chart_repository" {
  description = "Where the chart of Airflow is: its own repository, or a copy that a private network reaches."
  type        = string
  default     = "https://airflow.apache.org"
}
