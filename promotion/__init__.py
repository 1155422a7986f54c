"""What is decided about a student, and recorded: the gate, MLflow runs and model versions."""
