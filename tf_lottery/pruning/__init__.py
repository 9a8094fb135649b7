"""Scores, masks, and the TF-MOT wrapper that holds them. Knows no experiment."""
