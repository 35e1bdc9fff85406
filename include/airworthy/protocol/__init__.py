"""MLflow's scoring protocol: requests as columns of typed values, and the refusals of what is not one."""
