# Variables of the processes. distributed.env has those that are the same in every deployment.
locals {
  infra = "${path.module}/../../.."

  airflow_settings = { for line in split("\n", file("${local.infra}/airflow/distributed.env")) :
    split("=", line)[0] => join("=", slice(split("=", line), 1, length(split("=", line))))
    if can(regex("^[A-Z_]+=", line))
  }

  # What every process of Airworthy knows: tasks, Airflow's parts, `airworthy metrics`.
  settings = merge({
    AIRWORTHY_ENV          = var.environment
    AIRWORTHY_LAKE         = var.lake
    AIRWORTHY_ARTIFACTS    = "mlflow-artifacts:/airworthy"
    AIRWORTHY_TRACKING_URI = "http://mlflow:5000"
    AIRWORTHY_SERVER_URL   = "http://model-server.${var.namespace}.svc:8000"
  }, var.settings)

  airflow_addresses = {
    AIRFLOW__API__BASE_URL                   = var.airflow_url
    AIRFLOW__LOGGING__REMOTE_LOGGING         = "True"
    AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER = var.task_logs
    AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID     = "aws_logs"
  }
}

resource "kubernetes_config_map_v1" "airflow_settings" {
  metadata {
    name      = "airworthy-airflow-settings"
    namespace = local.namespace
  }

  data = local.airflow_settings
}

resource "kubernetes_config_map_v1" "settings" {
  metadata {
    name      = "airworthy"
    namespace = local.namespace
  }

  data = merge(local.settings, local.airflow_addresses)
}
