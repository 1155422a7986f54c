"""Initial weights: pre-training, official checkpoints, and how they fit another network."""
