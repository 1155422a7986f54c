"""Benchmarks: what the project costs, measured by running it."""
