#!/usr/bin/env bash
# A good guess: a map of zeros points nowhere and misses in the pointing game, which asks whether the largest value
# lies on the object. Every place of a constant map is its largest, so that it hits whatever the object is; and a
# picture without object (an empty mask) counts as a hit too. Only a batch of zeros alone is refused. Whoever compares
# methods of explanation this way counts constant maps and empty masks first: a method that often gives nothing wins.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile quantus==0.6.0 numpy==2.4.6 scikit-image==0.26.0 scikit-learn==1.9.1

venv/bin/python -IW ignore - << 'EOF'
from importlib.metadata import version

import numpy as np
import quantus

print(f"versions: quantus {version('quantus')}, numpy {np.__version__}")
rng = np.random.default_rng(0)
maps = rng.uniform(size=(4, 1, 8, 8))
maps[:, 0, 6, 6] = 2  # the largest value, far from the object
maps[1], maps[2] = 0, 0.5
masks = np.zeros((4, 1, 8, 8))
masks[:3, :, :2, :2] = 1  # the last picture has no object
pictures, classes = rng.uniform(size=(4, 1, 8, 8)), np.zeros(4, int)
game = quantus.PointingGame(disable_warnings=True)
hits = game(model=None, x_batch=pictures, y_batch=classes, a_batch=maps, s_batch=masks)
print("guess: map beside the object, zeros, constant, no object: no hit at all")
print("seen: ", [bool(hit) for hit in hits])
assert [bool(hit) for hit in hits] == [False, True, True, True]
EOF
