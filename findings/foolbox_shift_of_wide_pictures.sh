#!/usr/bin/env bash
# A good guess: a translation of 3 pixels in Foolbox's spatial attack moves the picture by 3 pixels to the right, or
# down. It moves the other way (the sampling grid is shifted, not the picture); by 2.9 of 3 on 28 x 28; and on pictures
# that are not square both shifts are divided by the wrong side: on 28 x 56 a 3 moves columns by 5.9 and rows by 1.4.
# Limits of a spatial attack on wide pictures are not what was asked for: pad to a square first, and compare no
# direction with torchvision's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 foolbox==3.3.4 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
from importlib.metadata import version

import eagerpy
import torch
from foolbox.attacks.spatial_attack_transformations import rotate_and_shift

print("versions:", *(f"{name} {version(name)}" for name in ("torch", "foolbox")))


def moved(rows, columns, x, y):
    """How far Foolbox moves a white pixel in the middle, in columns (right) and rows (down)."""
    picture = torch.zeros(1, 1, rows, columns)
    picture[0, 0, rows // 2, columns // 2] = 1
    weight = rotate_and_shift(eagerpy.astensor(picture), translation=(x, y), rotation=0.0).raw[0, 0]
    right = (weight.sum(0) * torch.arange(columns)).sum() / weight.sum() - columns // 2
    down = (weight.sum(1) * torch.arange(rows)).sum() / weight.sum() - rows // 2
    return round(right.item(), 2), round(down.item(), 2)


print("guess: translation=(3, 0) moves by (3, 0) and (0, 3) by (0, 3), whatever the size")
seen = {(r, c): (moved(r, c, 3.0, 0.0)[0], moved(r, c, 0.0, 3.0)[1]) for r, c in ((28, 28), (28, 56), (56, 28))}
for (rows, columns), (right, down) in seen.items():
    print(f"seen:  {rows} x {columns}: right by {right}, down by {down}")
assert seen == {(28, 28): (-2.89, -2.89), (28, 56): (-5.89, -1.45), (56, 28): (-1.45, -5.89)}
EOF
