"""The Feast repository of privileged dense features, and their historical retrieval. Training components only."""
