#!/usr/bin/env bash
# A good guess: random_noise(picture, mode="poisson") draws photon noise whose strength depends on a pixel's
# brightness. It also depends on how many different values the whole array has: the count is rounded up to a power of
# two and taken for the full scale. Grey in a drawing of three tones gets eight times the noise of the same grey in a
# photograph, and beside a photograph in one batch the drawing gets the photograph's noise. For a corruption of fixed
# strength draw rng.poisson(picture * peak) / peak with a peak of your own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile scikit-image==0.26.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import numpy as np
import skimage
from skimage.util import random_noise

print(f"versions: scikit-image {skimage.__version__}, numpy {np.__version__}")
print("guess: grey pixels get the same noise whatever the rest of the picture looks like")


def picture(levels):
    """Grey of 0.5, and a first row that brings so many levels (an odd number) from black to white."""
    grey = np.full((256, 256), 0.5)
    grey[0] = np.resize(np.linspace(0, 1, levels), 256)
    return grey


def spread(batch):
    """Standard deviation of the noise on the grey of the batch's first picture."""
    return (random_noise(batch, mode="poisson", rng=0, clip=False) - batch)[0, 1:].std()


for levels in (3, 17, 65, 255):
    found, scale = spread(picture(levels)[None]), 2 ** np.ceil(np.log2(levels))
    expected = np.sqrt(0.5 / scale)
    print(f"seen:  {levels:3} levels: noise of {found:.4f} on grey 0.5; sqrt(0.5 / {scale:.0f}) = {expected:.4f}")
    assert abs(found / expected - 1) < 0.03
together = spread(np.stack([picture(3), picture(255)]))
print(f"seen:    3 levels in a batch with 255: {together:.4f}")
assert abs(together / spread(picture(255)[None]) - 1) < 0.03
EOF
