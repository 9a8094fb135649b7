"""Figures: pure functions from the results table to numbers, and from numbers to Matplotlib figures."""
