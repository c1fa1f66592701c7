"""Runs: their records, files, partial results, environment, and the skeleton that all of them go through."""
