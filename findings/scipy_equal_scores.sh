#!/usr/bin/env bash
# A good guess: a t test of scores that are all equal has no spread to divide by and answers NaN, or p = 1 if the means
# agree. So it is for 5 or 10 scores of 0.1. For 20 the mean is one rounding step off 0.1, the spread is that same
# step, and t = sqrt(n - 1): p = 0.0003 for 20 scores and 1e-16 for 100, a "significant" difference between equal
# numbers (a warning is given). Look at the range first, and test nothing where it is 0: 100 pictures with the same
# score are no rarity.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile scipy==1.17.1 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import numpy as np
import scipy
from scipy import stats

print(f"versions: scipy {scipy.__version__}, numpy {np.__version__}")
print("guess: p is NaN or 1 for each, since all scores are 0.1 or 0.7 and so is what they are tested against")
p_values = {}
for score in (0.1, 0.7):
    for n in (5, 10, 20, 100):
        p_values[score, n] = stats.ttest_1samp([score] * n, score).pvalue
        welch = stats.ttest_ind([score] * n, [score] * 5, equal_var=False).pvalue
        print(f"seen:  {n:3} times {score}: against it p = {p_values[score, n]:.2g}, against 5 times p = {welch:.2g}")
        assert np.isclose(welch, p_values[score, n], equal_nan=True)
assert all(np.isnan(p_values[score, n]) for score in (0.1, 0.7) for n in (5, 10))
assert all(p_values[score, 20] < 0.001 and p_values[score, 100] < 1e-12 for score in (0.1, 0.7))
EOF
