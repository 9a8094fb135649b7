"""Executors by name: who runs the stages of a plan."""
