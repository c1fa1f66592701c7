#!/usr/bin/env bash
# A good guess: get_interval_estimates(..., random_state=RandomState(0)) gives the same interval every time; its
# docstring says so. It is handed on to the bootstrap's base class and used by nothing: the indices are drawn by
# np.random.choice, from NumPy's global stream. Two equal calls differ, np.random.seed(0) before each makes them agree.
# Whoever reports such intervals seeds the global stream, or the numbers in the table cannot be made again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile rliable==1.2.0 arch==7.2.0 pandas==2.3.3 numpy==2.4.6 scipy==1.17.1

venv/bin/python -IW ignore - << 'EOF'
from importlib.metadata import version

import numpy as np
from rliable import library, metrics

print("versions:", *(f"{name} {version(name)}" for name in ("rliable", "arch", "numpy")))
scores = {"network": np.random.default_rng(0).normal(size=(4, 5))}  # (seeds, tasks)


def mean(x):
    """The mean over seeds and tasks, as the library wants it."""
    return np.array([metrics.aggregate_mean(x)])


def interval(**options):
    """The 95 % interval of the mean over all scores: low, high."""
    return library.get_interval_estimates(scores, mean, reps=500, **options)[1]["network"].ravel()


given = [interval(random_state=np.random.RandomState(0)) for _ in range(2)]
seeded = []
for _ in range(2):
    np.random.seed(0)
    seeded.append(interval())
print("guess: the same random_state gives the same interval")
print("seen:  random_state=RandomState(0):", *(np.round(x, 3).tolist() for x in given))
print("seen:  np.random.seed(0) before:   ", *(np.round(x, 3).tolist() for x in seeded))
assert not np.array_equal(*given)
assert np.array_equal(*seeded)
EOF
