terraform {
  required_version = ">= 1.11.0"

  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = ">= 3.0, < 4.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.37, < 3.0"
    }
    kustomization = {
      source  = "kbst/kustomization"
      version = ">= 0.9, < 1.0"
    }
  }
}

provider "kubernetes" {
  config_path    = var.kubeconfig
  config_context = var.kubeconfig_context
}

provider "helm" {
  kubernetes = {
    config_path    = var.kubeconfig
    config_context = var.kubeconfig_context
  }
}

provider "kustomization" {
  kubeconfig_path = var.kubeconfig
  context         = var.kubeconfig_context
}
