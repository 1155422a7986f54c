"""Your own tables and media as a corpus."""
