"""Kubeflow Pipelines: what its pods are given, and what is asked of it over its own client."""
