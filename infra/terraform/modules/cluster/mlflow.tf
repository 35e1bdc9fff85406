# MLflow, from the base of infra/kubernetes/mlflow.
data "kustomization_overlay" "mlflow" {
  namespace = var.namespace
  resources = ["${local.infra}/kubernetes/mlflow/base"]

  config_map_generator {
    name = "airworthy-mlflow"
    literals = concat(
      [
        "MLFLOW_ARTIFACTS_DESTINATION=${var.artifacts}",
        "MLFLOW_SERVER_ALLOWED_HOSTS=${join(",", concat(local.mlflow_hosts, var.mlflow_hosts))}",
      ],
      [for name, value in var.settings : "${name}=${value}" if startswith(name, "AWS_")],
    )
  }

  images {
    name     = "airworthy-airflow"
    new_name = var.images.airflow_repository
    new_tag  = var.images.tag
  }

  replicas {
    name  = "mlflow"
    count = var.highly_available ? 2 : 1
  }

  patches {
    target = { kind = "ServiceAccount", name = "airworthy-mlflow" }
    patch = yamlencode([{
      op    = "add"
      path  = "/metadata/annotations"
      value = { for workload, role in var.role_arns : "eks.amazonaws.com/role-arn" => role if workload == "mlflow" }
    }])
  }
}

locals {
  mlflow_hosts = [
    "mlflow:5000",
    "mlflow.${var.namespace}:5000",
    "mlflow.${var.namespace}.svc:5000",
    "localhost:*",
    "127.0.0.1:*",
  ]
}

resource "kustomization_resource" "mlflow" {
  for_each = data.kustomization_overlay.mlflow.ids
  manifest = data.kustomization_overlay.mlflow.manifests[each.value]
  wait     = true

  timeouts {
    create = "15m"
    update = "15m"
  }

  depends_on = [kubernetes_limit_range_v1.main, kubernetes_network_policy_v1.inside, kubernetes_secret_v1.main]
}
