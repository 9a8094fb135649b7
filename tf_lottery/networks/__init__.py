"""Networks by name, each with its recipes."""
