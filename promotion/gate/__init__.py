"""The gate: from predictions on the same rows to a verdict of named checks."""
