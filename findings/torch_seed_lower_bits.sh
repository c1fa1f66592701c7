#!/usr/bin/env bash
# A good guess: manual_seed takes a 64-bit seed, so 5 and 5 + 2**40 give other numbers, and a process's number may be put
# into the upper half of it (rank << 40) for masks of its own. On a CPU the generator reads the lower 32 bits: all such
# processes draw the same masks. initial_seed() still tells the 64 bits that were given, so looking there shows nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -W ignore - << 'EOF'
import numpy as np
import torch


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    assert generator.initial_seed() == seed
    return torch.rand(4, generator=generator).tolist()


def dropped(seed):
    torch.manual_seed(seed)
    return torch.dropout(torch.ones(64), 0.5, train=True).bool().tolist()


near, far = 5 + 1, 5 + 2**40
print("versions: torch", torch.__version__, "numpy", np.__version__)
print("guess: seeds 5, 6 and 5 + 2**40 give three streams, as they do in NumPy")
print("seen:  torch 5", drawn(5), "| 6", drawn(near), "| 5 + 2**40", drawn(far))
print("seen:  dropout of ones with seeds 5 and 5 + 2**40 equal:", dropped(5) == dropped(far))
assert drawn(5) == drawn(far) != drawn(near)
assert dropped(5) == dropped(far) != dropped(near)
assert np.random.default_rng(5).random() != np.random.default_rng(far).random()
EOF
