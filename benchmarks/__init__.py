"""How fast this is, always beside something else: `python -m benchmarks --help`."""
