"""When a network is pruned, one row each."""

SCHEDULES = {
    "one_shot": "prune once to the density",
    "iterative": "prune 20% of what is left, retrain, repeat",
    "at_initialization": "prune once to the density by the weights before training, then train",
}
