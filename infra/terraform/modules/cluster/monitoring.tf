# Metrics, and Prometheus and Grafana or what the Prometheus operator needs, from infra/kubernetes/monitoring.
data "kustomization_overlay" "monitoring" {
  namespace = var.namespace
  resources = ["${local.infra}/kubernetes/monitoring/${var.monitoring == "own" ? "base" : "operator"}"]

  config_map_generator {
    name     = "airworthy-metrics"
    literals = [for name, value in local.settings : "${name}=${value}"]
  }

  images {
    name     = "airworthy-server"
    new_name = var.images.server_repository
    new_tag  = var.images.tag
  }

  # It reads the ledgers with the rights of Airflow, whose account the chart makes.
  patches {
    target = { kind = "Deployment", name = "metrics" }
    patch = yamlencode([{
      op    = "replace"
      path  = "/spec/template/spec/serviceAccountName"
      value = "airworthy-airflow"
    }])
  }
}

resource "kustomization_resource" "monitoring" {
  for_each = data.kustomization_overlay.monitoring.ids
  manifest = data.kustomization_overlay.monitoring.manifests[each.value]

  depends_on = [kubernetes_limit_range_v1.main, kubernetes_network_policy_v1.inside, kubernetes_secret_v1.main]
}

# The alerts of infra/prometheus, as fields of the operator's kind.
resource "kubernetes_manifest" "alerts" {
  count = var.monitoring == "operator" ? 1 : 0

  manifest = {
    apiVersion = "monitoring.coreos.com/v1"
    kind       = "PrometheusRule"
    metadata = {
      name      = "airworthy"
      namespace = local.namespace
      labels    = { "app.kubernetes.io/part-of" = "airworthy" }
    }
    spec = yamldecode(file("${local.infra}/prometheus/airworthy.rules.yml"))
  }
}
