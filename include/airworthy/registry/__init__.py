"""The MLflow side: runs, logged models, registered versions and their aliases."""
