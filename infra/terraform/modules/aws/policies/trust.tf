# One service account of one namespace of one cluster takes a role, with a token that was made for AWS.
locals {
  issuer = split(":oidc-provider/", var.oidc_provider_arn)[1]
  # The account of the model servers has the name that infra/kubernetes gives it.
  service_accounts = { for workload in keys(local.statements) :
    workload => workload == "server" ? "model-server" : "airworthy-${workload}"
  }

  trust = { for workload, account in local.service_accounts : workload => {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = { StringEquals = {
        "${local.issuer}:aud" = "sts.amazonaws.com"
        "${local.issuer}:sub" = "system:serviceaccount:${var.namespace}:${account}"
      } }
    }]
  } }
}
