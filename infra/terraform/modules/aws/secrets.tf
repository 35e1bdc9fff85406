# Random values of the deployment. They are made while Terraform runs and are in no state and no plan.
# A new one: raise `version` here, and change what it opens (docs/how-to/aws.md).
locals {
  secrets = {
    airflow_admin_password    = { version = 1, about = "password of Airflow's user admin" }
    airflow_database_password = { version = 1, about = "password of PostgreSQL's user airflow" }
    anchor_key                = { version = 1, about = "AIRWORTHY_ANCHOR_KEY" }
    api_secret_key            = { version = 1, about = "AIRFLOW__API__SECRET_KEY" }
    celery_database_password  = { version = 1, about = "password of PostgreSQL's user celery" }
    client_token              = { version = 1, about = "token of the first client of the model servers" }
    fernet_key                = { version = 1, about = "AIRFLOW__CORE__FERNET_KEY, without the = at its end" }
    grafana_password          = { version = 1, about = "password of Grafana's user admin" }
    jwt_secret                = { version = 1, about = "AIRFLOW__API_AUTH__JWT_SECRET" }
    mlflow_database_password  = { version = 1, about = "password of PostgreSQL's user mlflow" }
    mlflow_password           = { version = 1, about = "MLFLOW_TRACKING_PASSWORD" }
    server_token              = { version = 1, about = "AIRWORTHY_SERVER_TOKEN" }
  }
}

# 43 letters and digits are 32 bytes in URL-safe base64, which is a Fernet key's length.
ephemeral "random_password" "generated" {
  for_each = local.secrets
  length   = 43
  special  = false
}

resource "aws_secretsmanager_secret" "generated" {
  # checkov:skip=CKV2_AWS_57:A new value has to reach what it opens at the same time. Rotation is a step for people.
  for_each                = local.secrets
  name                    = "${var.name}/${each.key}"
  description             = each.value.about
  kms_key_id              = aws_kms_key.main.arn
  recovery_window_in_days = 30
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "generated" {
  for_each                 = local.secrets
  secret_id                = aws_secretsmanager_secret.generated[each.key].id
  secret_string_wo         = ephemeral.random_password.generated[each.key].result
  secret_string_wo_version = each.value.version
}
