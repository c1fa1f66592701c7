"""What the package costs, against the plain way to do the same: one suite, ``python -m benchmarks``."""
