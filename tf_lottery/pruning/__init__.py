"""Scores, masks, the TF-MOT wrapper that holds them, and what a pruned network costs. Knows no experiment."""
