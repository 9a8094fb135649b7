"""Datasets by name: train, validation and test splits."""
