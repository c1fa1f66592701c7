#!/usr/bin/env bash
# A good guess: after the same seed torch.randn(16) begins with the numbers of torch.randn(8), as torch.rand does and
# NumPy too. Fewer than 16 numbers are drawn one by one; 16 or more in blocks of 16, and of a length that is no
# multiple of 16 the last 16 are drawn again, over what was there. So 8 and 16 have no number in common, and 40 is no
# beginning of 48. A noise per picture from its own seed is not the same alone and as part of a larger draw: draw a
# fixed shape per picture, never "the first n".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import numpy as np
import torch

print(f"versions: torch {torch.__version__}, numpy {np.__version__}")


def drawn(n, draw=torch.randn):
    """n numbers after seed 0."""
    torch.manual_seed(0)
    return draw(n)


def shared(short, long, draw=torch.randn):
    """How many of the first numbers of two draws are equal, up to the first that is not."""
    equal = drawn(short, draw) == drawn(long, draw)[:short]
    return short if equal.all() else int(equal.int().argmin())


print("guess: every draw begins with all the numbers of a shorter one")
for short, long in ((8, 15), (8, 16), (16, 32), (40, 48), (784, 1568)):
    uniform = shared(short, long, torch.rand)
    print(f"seen:  randn: {shared(short, long)} of {short} are the first of {long}; rand: {uniform} of {short}")
    assert uniform == short
assert [shared(8, 15), shared(8, 16), shared(16, 32), shared(784, 1568)] == [8, 0, 16, 784]
assert shared(40, 48) == 24
normal = [np.random.default_rng(0).normal(size=n)[:8].tolist() for n in (8, 16, 40)]
print("seen:  NumPy's draws of 8, 16 and 40 begin alike:", normal[0] == normal[1] == normal[2])
assert normal[0] == normal[1] == normal[2]
EOF
