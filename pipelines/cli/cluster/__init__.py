"""Commands for Kubeflow Pipelines, and for schedules without it."""
