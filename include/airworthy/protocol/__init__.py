"""MLflow's scoring protocol: requests as columns of typed values, and refusals."""
