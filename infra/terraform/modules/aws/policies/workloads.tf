# What each workload may do. Only its own service account takes its role.
locals {
  data    = "arn:${var.partition}:s3:::${var.data_bucket}"
  anchors = "arn:${var.partition}:s3:::${var.anchors_bucket}"

  # A request for an object that is not there answers 404 to who may list, else 403. It has no prefix: hence IfExists.
  list_lake = {
    Sid       = "ListLake"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.data
    Condition = { StringLikeIfExists = { "s3:prefix" = "lake/*" } }
  }
  read_lake = {
    Sid      = "ReadLake"
    Effect   = "Allow"
    Action   = "s3:GetObject"
    Resource = "${local.data}/lake/*"
  }
  change_lake = {
    Sid      = "ChangeLake"
    Effect   = "Allow"
    Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
    Resource = "${local.data}/lake/*"
  }
  list_anchors = {
    Sid       = "ListAnchors"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.anchors
    Condition = { StringLikeIfExists = { "s3:prefix" = "anchors/*" } }
  }
  add_anchors = {
    Sid      = "AddAnchors"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:PutObject"]
    Resource = "${local.anchors}/anchors/*"
  }
  change_flags = {
    Sid      = "ChangeFlags"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:PutObject"]
    Resource = "${local.data}/flags.json"
  }
  read_sources = length(var.source_bucket_arns) == 0 ? [] : [
    { Sid = "ListSources", Effect = "Allow", Action = "s3:ListBucket", Resource = var.source_bucket_arns },
    {
      Sid      = "ReadSources"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = [for arn in var.source_bucket_arns : "${arn}/*"]
    },
  ]
  list_task_logs = {
    Sid       = "ListTaskLogs"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.data
    Condition = { StringLikeIfExists = { "s3:prefix" = "airflow-logs/*" } }
  }
  write_task_logs = {
    Sid      = "WriteTaskLogs"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:PutObject"]
    Resource = "${local.data}/airflow-logs/*"
  }
  use_key_for_objects = {
    Sid       = "UseKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = var.key_arn
    Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
  }

  # A release reads the ledger, appends to it and sends its head. So does everything that runs stages.
  stage_statements = concat(
    [local.list_lake, local.read_lake, local.change_lake, local.list_anchors, local.add_anchors],
    local.read_sources,
    [local.use_key_for_objects],
  )
  airflow_statements = concat(
    local.stage_statements,
    [local.change_flags, local.list_task_logs, local.write_task_logs],
  )

  statements = {
    stage   = local.stage_statements
    worker  = local.airflow_statements
    airflow = local.airflow_statements
    server = [
      local.list_lake,
      local.read_lake,
      {
        Sid    = "ReportAndLog"
        Effect = "Allow"
        Action = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
        Resource = [
          "${local.data}/lake/_servers/*",
          "${local.data}/lake/*/labels/*",
          "${local.data}/lake/*/predictions/*",
        ]
      },
      {
        Sid      = "RecordBreakGlass"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = ["${local.data}/lake/_traffic/*", "${local.data}/lake/*/ledger/*"]
      },
      local.list_anchors,
      local.add_anchors,
      local.change_flags,
      local.use_key_for_objects,
    ]
    mlflow = [
      {
        Sid       = "ListArtifacts"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = local.data
        Condition = { StringLikeIfExists = { "s3:prefix" = "artifacts/*" } }
      },
      {
        Sid      = "KeepArtifacts"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = "${local.data}/artifacts/*"
      },
      local.use_key_for_objects,
    ]
    secrets = [
      {
        Sid    = "ReadSecrets"
        Effect = "Allow"
        Action = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        Resource = [
          "arn:${var.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${var.name}/*",
          var.admin_secret_arn,
        ]
      },
      {
        Sid       = "UseKey"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = var.key_arn
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
      },
    ]
  }
}
