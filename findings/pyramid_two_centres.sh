#!/usr/bin/env bash
# A good guess: OpenCV's pyrDown and scikit-image's pyramid_reduce make the same next level of a Gaussian pyramid, up to
# the width of the blur. They disagree about where it lies. On a ramp, whose blur is itself, OpenCV's small pixel i is
# pixel 2i of the large picture and scikit-image's is 2i + 0.5: half a pixel after one level, (2**k - 1) / 2 after k of
# them. Where the side is odd scikit-image stretches, too (65 to 33: a step is 65 / 33 pixels, OpenCV's 2). Levels of
# the one enlarged by the other, or OpenCV's by a resize, lie beside the picture: after three levels by 3.5 pixels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile numpy==2.4.6 opencv-python-headless==5.0.0.93 scikit-image==0.26.0

venv/bin/python -I - << 'EOF'
import cv2
import numpy as np
import skimage
from skimage.transform import pyramid_reduce

print(f"versions: OpenCV {cv2.__version__}, scikit-image {skimage.__version__}, numpy {np.__version__}")
print("guess: the same places in both")


def reduced(picture):
    return pyramid_reduce(picture, preserve_range=True)


def places(down, side, levels):
    """Where the middle pixels of a level lie in the picture, read off a ramp."""
    level = np.tile(np.arange(side, dtype=np.float32), (side, 1))
    for _ in range(levels):
        level = down(level)
    middle = level.shape[1] // 2
    return level[middle, middle - 1 : middle + 2] - 2**levels * np.arange(middle - 1, middle + 2)


for side, levels in ((64, 1), (256, 3), (65, 1)):
    ours, theirs = places(cv2.pyrDown, side, levels), places(reduced, side, levels)
    print(f"seen:  {side} pixels, {levels} levels: right of 2**levels * i by {ours} in OpenCV,")
    print(f"seen:  by {theirs} in scikit-image")
    assert np.allclose(ours, 0, atol=1e-3)
    if side != 65:
        assert np.allclose(theirs, (2**levels - 1) / 2, atol=1e-3)
    else:
        assert np.allclose(np.diff(theirs), 65 / 33 - 2, atol=1e-3)
EOF
