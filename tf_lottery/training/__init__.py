"""The training engine under `model.fit`."""
