# Airflow by its official chart, with the values of infra/kubernetes/airflow.
locals {
  values_folder = "${local.infra}/kubernetes/airflow"
  executor_file = {
    KubernetesExecutor = "kubernetes_executor.yaml"
    CeleryExecutor     = "celery_executor.yaml"
  }[var.executor]

  git_sync = var.project == null ? [] : [replace(replace(
    file("${local.values_folder}/git_sync.yaml"),
    "0000000000000000000000000000000000000000", var.project.commit),
    "https://git.example.org/airworthy.git", var.project.repository,
  )]

  airflow_image = {
    repository = var.images.airflow_repository
    tag        = var.images.tag
  }

  deployment_values = {
    images = { airflow = local.airflow_image, pod_template = local.airflow_image }
    # A changed setting renews the pods.
    airflowPodAnnotations = {
      "checksum/settings" = sha256(jsonencode([local.airflow_settings, local.settings, local.airflow_addresses, var.secrets_revision]))
    }
    workers = { for kind in ["celery", "kubernetes"] : kind => {
      serviceAccount = {
        annotations = { for workload, role in var.role_arns : "eks.amazonaws.com/role-arn" => role if workload == "airflow" }
      }
    } }
    apiServer = {
      networkPolicy = {
        ingress = {
          from = concat(
            [{ podSelector = {} }],
            [for name in var.client_namespaces : { namespaceSelector = { matchLabels = { "kubernetes.io/metadata.name" = name } } }],
          )
        }
      }
    }
  }
}

resource "helm_release" "airflow" {
  name       = "airflow"
  namespace  = local.namespace
  repository = var.chart_repository
  chart      = "airflow"
  version    = "1.22.0"
  # The first start makes the tables of the database.
  timeout       = 1200
  wait          = true
  wait_for_jobs = true
  max_history   = 10

  values = concat(
    [file("${local.values_folder}/values.yaml"), file("${local.values_folder}/${local.executor_file}")],
    local.git_sync,
    var.highly_available ? [file("${local.values_folder}/production.yaml")] : [],
    [yamlencode(local.deployment_values)],
  )

  depends_on = [
    kubernetes_config_map_v1.airflow_settings,
    kubernetes_config_map_v1.settings,
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.inside,
    kubernetes_resource_quota_v1.main,
    kubernetes_secret_v1.main,
    # Airflow sends no metrics for good when it does not find this at its start.
    kustomization_resource.monitoring,
  ]
}
