"""Plots of the pages, as SVG text."""
