terraform {
  required_version = ">= 1.11.0"

  # The state's bucket is not one of modules/aws: terraform init -backend-config=bucket=NAME -backend-config=region=REGION
  backend "s3" {
    key          = "airworthy/production/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
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

provider "aws" {
  region = var.region
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
