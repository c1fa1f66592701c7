#!/usr/bin/env bash
# A good guess: torchvision turns a float picture into bytes in one way, the nearest byte. It has three: to_pil_image
# cuts off (as does ToPILImage), save_image rounds to the nearest, and ToDtype(torch.uint8, scale=True) multiplies by
# 255.999 and cuts off. Half of all values come out as another byte by the first than by the second, a quarter by the
# third than by the second. What was bytes once is bytes again by all three; but normalised and back, the ordinary way
# to look at what a network saw, to_pil_image is one too dark in a part of the levels. A perturbation that is stored
# as a picture is another one: take save_image, or round first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 pillow==13.0.0

venv/bin/python -IW ignore - << 'EOF'
import io
from importlib.metadata import version

import numpy
import torch
from PIL import Image
from torchvision.transforms.v2 import functional
from torchvision.utils import save_image

print("versions:", *(f"{name} {version(name)}" for name in ("torch", "torchvision")))


def by_pil(row):
    """The bytes of a row of grey pixels in [0, 1], by to_pil_image."""
    return torch.tensor(list(functional.to_pil_image(row.view(1, 1, -1)).tobytes()))


def by_file(row):
    """The same, by save_image and back."""
    file = io.BytesIO()
    save_image(row.view(1, 1, -1), file, format="png")
    return torch.from_numpy(numpy.array(Image.open(file)))[0, :, 0].long()


def by_dtype(row):
    """The same, by ToDtype's function."""
    return functional.to_dtype(row.view(1, 1, -1), torch.uint8, scale=True).flatten().long()


def unlike(one, other):
    """Of a hundred values, how many differ."""
    return round(100 * (one != other).float().mean().item())


print("guess: one rule, so that the three differ in no value")
values = torch.linspace(0, 1, 10_001)
pil, file, dtype = by_pil(values), by_file(values), by_dtype(values)
seen = unlike(pil, file), unlike(pil, dtype), unlike(file, dtype)
print(f"seen:  to_pil_image and save_image {seen[0]} %, to_pil_image and ToDtype {seen[1]} %, the others {seen[2]} %")
assert seen == (50, 50, 25)

levels = torch.arange(256)
assert all(torch.equal(rule(levels / 255), levels) for rule in (by_pil, by_file, by_dtype))
print("guess: a picture of bytes, normalised and back, is what it was")
mean, spread = torch.tensor(0.4914), torch.tensor(0.2470)
back = ((levels / 255 - mean) / spread) * spread + mean
lost = [int((rule(back) != levels).sum()) for rule in (by_pil, by_file, by_dtype)]
print(f"seen:  of 256 levels {lost[0]} are others by to_pil_image, {lost[1]} by save_image, {lost[2]} by ToDtype")
assert lost[0] > 10 and lost[1:] == [0, 0]
EOF
