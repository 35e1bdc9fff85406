# IAM roles for service accounts: no workload has a key of its own, and none has the rights of another.
resource "aws_iam_role" "workload" {
  for_each             = module.policies.service_accounts
  name                 = "${var.name}-${each.key}"
  description          = "Service account ${each.value} of namespace ${var.namespace}"
  assume_role_policy   = module.policies.trust[each.key]
  max_session_duration = 3600
  tags                 = local.tags
}

resource "aws_iam_role_policy" "workload" {
  for_each = module.policies.service_accounts
  name     = "work"
  role     = aws_iam_role.workload[each.key].id
  policy   = module.policies.workloads[each.key]
}
