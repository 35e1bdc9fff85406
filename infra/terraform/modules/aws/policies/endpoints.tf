# What may pass through the VPC's endpoints.
locals {
  own_account = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }

  endpoint_statements = {
    s3 = concat(
      [{
        Sid       = "OwnBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
        Resource  = [local.data, local.anchors, "${local.data}/*", "${local.anchors}/*"]
        Condition = local.own_account
      }],
      # ECR keeps the layers of images there.
      [{
        Sid       = "ImageLayers"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = "arn:${var.partition}:s3:::prod-${var.region}-starport-layer-bucket/*"
      }],
      [for each in local.read_sources : merge(each, { Principal = "*", Condition = local.own_account })],
    )
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
