"""The append-only record of what was decided about models; MLflow's aliases follow from it."""
