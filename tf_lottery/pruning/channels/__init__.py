"""Which channels of a model go together, which of them nothing reads, and the model without these."""
