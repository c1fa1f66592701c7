"""Training: the loop, checkpoints, recipes, data in memory, devices."""
