"""How a pruned network is retrained: techniques, schedules, and the Keras callbacks that rewind."""
