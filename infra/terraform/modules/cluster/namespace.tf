# Pods that are not "restricted" are refused, with a sentence that says why.
resource "kubernetes_namespace_v1" "main" {
  metadata {
    name = var.namespace
    labels = {
      "app.kubernetes.io/part-of"          = "airworthy"
      "pod-security.kubernetes.io/enforce" = "restricted"
      "pod-security.kubernetes.io/warn"    = "restricted"
      "pod-security.kubernetes.io/audit"   = "restricted"
    }
  }
}

locals {
  namespace = kubernetes_namespace_v1.main.metadata[0].name
}

resource "kubernetes_resource_quota_v1" "main" {
  metadata {
    name      = "airworthy"
    namespace = local.namespace
  }

  spec {
    hard = var.quota
  }
}

# A quota refuses a container that names no resources. What names none gets little.
resource "kubernetes_limit_range_v1" "main" {
  metadata {
    name      = "airworthy"
    namespace = local.namespace
  }

  spec {
    limit {
      type            = "Container"
      default         = { memory = "512Mi" }
      default_request = { cpu = "50m", memory = "128Mi" }
    }
  }
}

# The account of each namespace that nobody named: nothing here uses it.
resource "kubernetes_default_service_account_v1" "main" {
  metadata {
    namespace = local.namespace
  }

  automount_service_account_token = false
}
