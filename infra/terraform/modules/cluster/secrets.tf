# Secrets of the namespace. Their values are write-only: Terraform sends them and keeps none.
locals {
  database_query = "?sslmode=${var.database.sslmode}"
  # Every process that opens the object store with keys of its own; with a role it has none.
  s3_keys = var.secrets.s3_access_key == null ? {} : {
    AWS_ACCESS_KEY_ID     = var.secrets.s3_access_key
    AWS_SECRET_ACCESS_KEY = var.secrets.s3_secret_key
  }
  mlflow_login = {
    MLFLOW_TRACKING_USERNAME = "admin"
    MLFLOW_TRACKING_PASSWORD = var.secrets.mlflow_password
  }
  database_urls = { for user, password in {
    airflow = var.secrets.airflow_database_password
    celery  = var.secrets.celery_database_password
    mlflow  = var.secrets.mlflow_database_password
    } : user => join("", [
      "postgresql+psycopg2://${user}:${replace(urlencode(coalesce(password, "-")), "+", "%20")}",
      "@${var.database.host}:${var.database.port}/${user}${local.database_query}",
  ]) }

  secrets = merge(
    {
      airworthy = merge(local.mlflow_login, local.s3_keys, {
        AIRWORTHY_SERVER_TOKEN = var.secrets.server_token
        AIRFLOW_CONN_AWS_LOGS = jsonencode({
          conn_type = "aws"
          login     = var.secrets.s3_access_key
          password  = var.secrets.s3_secret_key
          extra     = { for key, variable in { endpoint_url = "AWS_ENDPOINT_URL", region_name = "AWS_REGION" } : key => var.settings[variable] if contains(keys(var.settings), variable) }
        })
        }, var.secrets.anchor_key == null ? {} : {
        AIRWORTHY_ANCHOR_KEY = var.secrets.anchor_key
      })
      airworthy-clients = {
        AIRWORTHY_CLIENT_TOKENS = "first=${var.secrets.client_token}"
      }
      airworthy-mlflow = merge(local.mlflow_login, local.s3_keys, {
        MLFLOW_BACKEND_STORE_URI = local.database_urls.mlflow
      })
      airworthy-grafana = {
        admin-password = var.secrets.grafana_password
      }
      airworthy-airflow = {
        connection     = local.database_urls.airflow
        fernet-key     = var.secrets.fernet_key
        jwt-secret     = var.secrets.jwt_secret
        api-secret-key = var.secrets.api_secret_key
        admin-password = var.secrets.airflow_admin_password
      }
    },
    var.executor != "CeleryExecutor" ? {} : {
      airworthy-airflow-broker = {
        connection = "redis://:${replace(urlencode(coalesce(var.secrets.redis_password, "-")), "+", "%20")}@airflow-redis:6379/0"
      }
      airworthy-airflow-results = {
        connection = "db+${local.database_urls.celery}"
      }
      airworthy-airflow-redis = {
        password = coalesce(var.secrets.redis_password, "-")
      }
    },
  )
  secret_names = concat(
    ["airworthy", "airworthy-clients", "airworthy-mlflow", "airworthy-grafana", "airworthy-airflow"],
    var.executor != "CeleryExecutor" ? [] : ["airworthy-airflow-broker", "airworthy-airflow-results", "airworthy-airflow-redis"],
  )
}

resource "kubernetes_secret_v1" "main" {
  for_each = toset(local.secret_names)

  metadata {
    name      = each.key
    namespace = local.namespace
  }

  data_wo          = local.secrets[each.key]
  data_wo_revision = var.secrets_revision
}
