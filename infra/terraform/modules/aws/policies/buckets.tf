# What holds for everybody, whatever their role allows.
locals {
  objects        = ["s3:AbortMultipartUpload", "s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*"]
  administrators = { ArnNotLike = { "aws:PrincipalArn" = var.administrator_arns } }

  tls_only = { for name, bucket in { data = local.data, anchors = local.anchors, logs = local.logs } : name => {
    Sid       = "DenyWithoutTls"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = [bucket, "${bucket}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }
  private = { for name, bucket in { data = local.data, anchors = local.anchors } : name => [
    {
      Sid       = "DenyObjectsOutsideTheNetwork"
      Effect    = "Deny"
      Principal = "*"
      Action    = local.objects
      Resource  = "${bucket}/*"
      Condition = { StringNotEquals = { "aws:SourceVpce" = var.s3_endpoint_id } }
    },
    {
      Sid       = "DenyNamesOutsideTheNetwork"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions"]
      Resource  = bucket
      Condition = merge({ StringNotEquals = { "aws:SourceVpce" = var.s3_endpoint_id } }, local.administrators)
    },
    # A put that names neither gets the bucket's key. A missing value counts as another one, so Null comes first.
    {
      Sid       = "DenyOtherKeys"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "${bucket}/*"
      Condition = {
        Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = var.key_arn }
      }
    },
    {
      Sid       = "DenyOtherEncryption"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "${bucket}/*"
      Condition = {
        Null            = { "s3:x-amz-server-side-encryption" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      }
    },
    {
      Sid       = "DenyUnlocking"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:BypassGovernanceRetention", "s3:PutObjectLegalHold", "s3:PutObjectRetention"]
      Resource  = "${bucket}/*"
      Condition = local.administrators
    },
  ] }
  # A head is added by a conditional put. One that is there is neither replaced nor hidden.
  keep_heads = [
    {
      Sid       = "DenyReplacingHeads"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "${local.anchors}/*"
      Condition = { Null = { "s3:if-none-match" = "true" } }
    },
    {
      Sid       = "DenyRemovingHeads"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource  = "${local.anchors}/*"
    },
  ]
  logs = "arn:${var.partition}:s3:::${var.logs_bucket}"
  receive_logs = {
    Sid       = "ReceiveAccessLogs"
    Effect    = "Allow"
    Principal = { Service = "logging.s3.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = "${local.logs}/*"
    Condition = {
      ArnLike      = { "aws:SourceArn" = [local.data, local.anchors] }
      StringEquals = { "aws:SourceAccount" = var.account_id }
    }
  }

  bucket_statements = {
    data    = concat([local.tls_only.data], local.private.data)
    anchors = concat([local.tls_only.anchors], local.private.anchors, local.keep_heads)
    logs    = [local.tls_only.logs, local.receive_logs]
  }
}
