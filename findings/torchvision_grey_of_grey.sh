#!/usr/bin/env bash
# A good guess: rgb_to_grayscale of a picture that is grey already changes nothing, and white stays 255. On byte
# tensors torchvision's weights 0.2989 + 0.587 + 0.114 are 0.9999 in sum and the result is cut off, not rounded: every
# level but 0 loses 1, each time. The same function on a PIL picture is exact; so is a float tensor to 1e-4. Grey data
# sets read as RGB tensors get darker by a level through Grayscale(), and two pipelines (PIL, tensor) do not agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 pillow==13.0.0

venv/bin/python -IW ignore - << 'EOF'
import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision.transforms import functional as first
from torchvision.transforms.v2 import functional as second

print(f"versions: torch {torch.__version__}, torchvision {torchvision.__version__}")
levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).expand(3, -1, -1)  # (C, H, W), grey as RGB
pil = Image.fromarray(levels.permute(1, 2, 0).numpy())
print("guess: 0 of 255 levels change, white stays 255")
for name, convert in (("transforms", first.rgb_to_grayscale), ("transforms.v2", second.rgb_to_grayscale)):
    loss = levels[0].int() - convert(levels)[0].int()
    exact = np.array_equal(np.asarray(convert(pil)).reshape(16, 16, -1)[..., 0], levels[0].numpy())
    again = levels
    for _ in range(10):
        again = convert(again, num_output_channels=3)
    print(f"seen:  {name}: {(loss == 1).sum()} lose 1, white {convert(levels).max()}, {again.max()} after ten times")
    print(f"seen:  {name}: PIL pictures are exact: {exact}")
    assert (loss.flatten()[1:] == 1).all()
    assert again.max() == 245
    assert exact
EOF
