# What holds for every pod of the namespace. Each part's own policy adds what it needs.
resource "kubernetes_network_policy_v1" "closed" {
  metadata {
    name      = "closed"
    namespace = local.namespace
  }

  spec {
    pod_selector {}
    policy_types = ["Ingress", "Egress"]
  }
}

resource "kubernetes_network_policy_v1" "inside" {
  metadata {
    name      = "inside"
    namespace = local.namespace
  }

  spec {
    pod_selector {}
    policy_types = ["Egress"]

    egress {
      to {
        pod_selector {}
      }
    }

    egress {
      ports {
        port     = "53"
        protocol = "UDP"
      }
      ports {
        port     = "53"
        protocol = "TCP"
      }
    }

    egress {
      dynamic "to" {
        for_each = var.egress.cidrs
        content {
          ip_block {
            cidr = to.value
          }
        }
      }
      dynamic "ports" {
        for_each = var.egress.ports
        content {
          port     = tostring(ports.value)
          protocol = "TCP"
        }
      }
    }
  }
}

# What answers people and programs of other namespaces. Airflow's API server has the chart's policy.
resource "kubernetes_network_policy_v1" "clients" {
  for_each = toset(var.client_namespaces)

  metadata {
    name      = "from-${each.key}"
    namespace = local.namespace
  }

  spec {
    pod_selector {
      match_expressions {
        key      = "app.kubernetes.io/name"
        operator = "In"
        values   = ["model-server", "mlflow", "grafana"]
      }
    }
    policy_types = ["Ingress"]

    ingress {
      from {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = each.key }
        }
      }
      ports {
        port     = "http"
        protocol = "TCP"
      }
    }
  }
}
