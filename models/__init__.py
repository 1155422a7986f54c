"""Networks, losses, data, training and metrics. Knows nothing of pipelines, feature stores or registries."""
