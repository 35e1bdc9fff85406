# Everything that the deployment asks for lies in the VPC or behind these endpoints. Nothing needs the internet.
locals {
  s3_endpoint_id = var.s3_endpoint_id != null ? var.s3_endpoint_id : aws_vpc_endpoint.s3[0].id
  services = { for service, policy in {
    "ecr.api"        = "account"
    "ecr.dkr"        = "account"
    "kms"            = "account"
    "secretsmanager" = "account"
    "sts"            = "sts"
  } : service => policy if var.create_interface_endpoints }
}

resource "aws_vpc_endpoint" "s3" {
  count             = var.s3_endpoint_id == null ? 1 : 0
  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${data.aws_region.current.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.private_route_table_ids
  tags              = merge(local.tags, { Name = "${var.name}-s3" })
}

# Apart from the endpoint: the buckets' policies name the endpoint, and its policy names the buckets.
resource "aws_vpc_endpoint_policy" "s3" {
  count           = var.s3_endpoint_id == null ? 1 : 0
  vpc_endpoint_id = aws_vpc_endpoint.s3[0].id
  policy          = module.policies.endpoints["s3"]
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.services
  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${data.aws_region.current.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = var.private_subnet_ids
  security_group_ids  = [aws_security_group.endpoints.id]
  policy              = module.policies.endpoints[each.value]
  tags                = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints: TLS from the cluster, nothing out"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-endpoints" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each                     = var.client_security_group_ids
  security_group_id            = aws_security_group.endpoints.id
  description                  = "TLS from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "PostgreSQL: from the cluster, nothing out"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-database" })
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each                     = var.client_security_group_ids
  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}
