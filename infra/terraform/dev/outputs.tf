output "namespace" {
  description = "Namespace of everything here."
  value       = module.cluster.namespace
}

output "addresses" {
  description = "Part -> its address in the cluster."
  value       = module.cluster.addresses
}
