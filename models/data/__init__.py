"""From the rows of a run to batches: clips, tokens, dense values."""
