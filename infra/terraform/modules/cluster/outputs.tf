output "namespace" {
  description = "Namespace of everything here. The model servers go there: airworthy apply."
  value       = local.namespace
}

output "addresses" {
  description = "Part -> its address in the cluster."
  value = merge(
    { airflow = "http://airflow-api-server:8080", mlflow = "http://mlflow:5000", metrics = "http://metrics:9102" },
    var.monitoring == "own" ? { grafana = "http://grafana:3000", prometheus = "http://prometheus:9090" } : {},
  )
}
