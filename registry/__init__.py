"""What is decided and recorded about a run: the verdict, the report, MLflow runs and model versions."""
