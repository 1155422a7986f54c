"""Initial weights: pre-training, official weights, and how they fit another network."""
