"""The command: from flags to a table, figures and TensorBoard logs."""
