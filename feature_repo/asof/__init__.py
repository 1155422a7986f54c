"""Feast's offline store over Parquet files whose point-in-time join is DuckDB's as-of join."""
