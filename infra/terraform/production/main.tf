# Airworthy's production in AWS: bucket, database, keys, images, roles; and its namespace in an EKS cluster that is there.
# Two steps, as the images go into the repositories of the first before the second starts them: docs/how-to/terraform.md
module "aws" {
  source = "../modules/aws"

  name                      = "airworthy-production"
  namespace                 = "airworthy-production"
  vpc_id                    = var.vpc_id
  private_subnet_ids        = var.private_subnet_ids
  private_route_table_ids   = var.private_route_table_ids
  client_security_group_ids = var.client_security_group_ids
  oidc_provider_arn         = var.oidc_provider_arn
  administrator_arns        = var.administrator_arns
  database_multi_az         = true
}

# The gateway endpoint of S3 keeps Amazon's addresses: pods may go there.
data "aws_prefix_list" "s3" {
  name = "com.amazonaws.${module.aws.region}.s3"
}

# Read while Terraform runs, and kept in no state.
ephemeral "aws_secretsmanager_secret_version" "generated" {
  for_each  = toset(local.secret_names)
  secret_id = module.aws.secret_arns[each.key]
}

locals {
  secret_names = [
    "airflow_admin_password",
    "airflow_database_password",
    "anchor_key",
    "api_secret_key",
    "client_token",
    "fernet_key",
    "grafana_password",
    "jwt_secret",
    "mlflow_database_password",
    "mlflow_password",
    "server_token",
  ]
  secrets = { for name in local.secret_names :
    name => ephemeral.aws_secretsmanager_secret_version.generated[name].secret_string
  }
}

module "cluster" {
  source = "../modules/cluster"

  environment = "production"
  namespace   = "airworthy-production"
  images = {
    airflow_repository = module.aws.repository_urls["airworthy-airflow"]
    server_repository  = module.aws.repository_urls["airworthy-server"]
    tag                = var.image_tag
  }
  project          = var.project
  highly_available = true

  lake      = module.aws.variables.AIRWORTHY_LAKE
  artifacts = module.aws.mlflow_artifacts_uri
  task_logs = module.aws.task_logs_uri
  settings = merge(
    { for name, value in module.aws.variables : name => value if startswith(name, "AWS_") },
    {
      AIRWORTHY_FLAGS              = module.aws.variables.AIRWORTHY_FLAGS
      AIRWORTHY_STAGING_SERVER_URL = "http://model-server-staging.airworthy-production.svc:8000"
    },
    var.settings,
  )

  database  = { host = module.aws.database_host, port = module.aws.database_port }
  role_arns = module.aws.role_arns
  # Secrets Manager's key is without the = at its end.
  secrets          = merge(local.secrets, { fernet_key = "${local.secrets.fernet_key}=" })
  secrets_revision = var.secrets_revision

  airflow_url       = var.airflow_url
  mlflow_hosts      = var.mlflow_hosts
  client_namespaces = var.client_namespaces
  egress = {
    cidrs = concat(var.private_cidrs, data.aws_prefix_list.s3.cidr_blocks)
    ports = [443, 5432]
  }
  monitoring       = var.monitoring
  chart_repository = var.chart_repository
}
