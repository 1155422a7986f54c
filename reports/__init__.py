"""What people read of a run: pages made from records. Nothing is decided here, and nothing computed again."""
