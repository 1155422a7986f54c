"""Simulated corpora, whose labels and features follow from known causes."""
