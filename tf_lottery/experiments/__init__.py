"""From flags to stored stages: spec, grid, plan, stage, store, executors."""
