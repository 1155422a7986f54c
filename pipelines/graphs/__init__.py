"""The graphs: what runs after what, on a laptop and on a cluster alike."""
