# data: lake, artifacts, task logs, flags. anchors: the ledgers' heads. logs: who asked for what in both.
resource "aws_s3_bucket" "data" {
  # checkov:skip=CKV_AWS_144:A copy in another region costs as much again. docs/how-to/aws.md says how to add one.
  # checkov:skip=CKV2_AWS_62:Nothing here waits for events of the bucket.
  bucket              = local.buckets.data
  object_lock_enabled = true
  tags                = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "anchors" {
  # checkov:skip=CKV_AWS_144:A head is in the ledger, too. A second region would prove nothing more.
  # checkov:skip=CKV2_AWS_62:Nothing here waits for events of the bucket.
  bucket              = local.buckets.anchors
  object_lock_enabled = true
  tags                = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "logs" {
  # checkov:skip=CKV_AWS_18:The log of the logs' bucket would have no end.
  # checkov:skip=CKV_AWS_144:Access logs are kept for a year, in one region.
  # checkov:skip=CKV_AWS_145:S3 delivers access logs to buckets with its own keys only.
  # checkov:skip=CKV2_AWS_62:Nothing here waits for events of the bucket.
  bucket = local.buckets.logs
  tags   = local.tags
}

resource "aws_s3_bucket_versioning" "all" {
  for_each = local.bucket_ids
  bucket   = each.value

  versioning_configuration {
    status = "Enabled"
  }
}

# GOVERNANCE: administrators may lift the lock of a version, such as for a person's right to be forgotten.
resource "aws_s3_bucket_object_lock_configuration" "data" {
  bucket     = aws_s3_bucket.data.id
  depends_on = [aws_s3_bucket_versioning.all]

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.lock_days
    }
  }
}

resource "aws_s3_bucket_object_lock_configuration" "anchors" {
  bucket     = aws_s3_bucket.anchors.id
  depends_on = [aws_s3_bucket_versioning.all]

  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = var.anchors_lock_days
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "kms" {
  for_each = { data = aws_s3_bucket.data.id, anchors = aws_s3_bucket.anchors.id }
  bucket   = each.value

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.main.arn
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "all" {
  for_each                = local.bucket_ids
  bucket                  = each.value
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "all" {
  for_each = local.bucket_ids
  bucket   = each.value

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_logging" "all" {
  for_each      = { data = aws_s3_bucket.data.id, anchors = aws_s3_bucket.anchors.id }
  bucket        = each.value
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "${each.key}/"
  depends_on    = [aws_s3_bucket_policy.all]
}

resource "aws_s3_bucket_policy" "all" {
  for_each   = local.bucket_ids
  bucket     = each.value
  policy     = module.policies.buckets[each.key]
  depends_on = [aws_s3_bucket_public_access_block.all]
}

locals {
  bucket_ids = {
    data    = aws_s3_bucket.data.id
    anchors = aws_s3_bucket.anchors.id
    logs    = aws_s3_bucket.logs.id
  }
}
