# What may pass through the VPC's endpoints.
locals {
  own_account = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }

  endpoint_statements = {
    s3 = [
      {
        Sid       = "OwnBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
        Resource = concat(
          [local.data, local.anchors], local.sources,
          [for bucket in concat([local.data, local.anchors], local.sources) : "${bucket}/*"],
        )
        Condition = local.own_account
      },
      # ECR keeps the layers of images there.
      {
        Sid       = "ImageLayers"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = "arn:${var.partition}:s3:::prod-${var.region}-starport-layer-bucket/*"
      },
    ]
    account = [{
      Sid       = "OwnAccount"
      Effect    = "Allow"
      Principal = "*"
      Action    = "*"
      Resource  = "*"
      Condition = local.own_account
    }]
    # A service account has no account of AWS before it has taken its role.
    sts = [
      {
        Sid       = "TakeRoles"
        Effect    = "Allow"
        Principal = "*"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Resource  = "arn:${var.partition}:iam::${var.account_id}:role/*"
      },
      {
        Sid       = "OwnAccount"
        Effect    = "Allow"
        Principal = "*"
        Action    = "sts:*"
        Resource  = "*"
        Condition = local.own_account
      },
    ]
  }
}
