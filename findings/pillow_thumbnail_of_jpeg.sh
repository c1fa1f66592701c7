#!/usr/bin/env bash
# A good guess: thumbnail gives the same small picture whether or not somebody has looked at the large one before. Of a
# JPEG that is not decoded yet Pillow decodes a half, quarter or eighth of the resolution and resizes from there; once a
# pixel was asked for (load, a crop, a copy, a histogram) it resizes from the whole picture. To 64 of 512 pixels nearly
# half of the bytes differ, to 224 none does. The same file saved without loss gives what the decoded one gives. A check
# of the pictures that runs before a thumbnail changes the data set.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile numpy==2.4.6 pillow==13.0.0

venv/bin/python -I - << 'EOF'
import numpy as np
from PIL import Image, __version__

rows, columns = np.mgrid[:512, :512]
waves = (127 + 100 * np.sin(columns / 9), 127 + 100 * np.cos(rows / 13), 127 + 60 * np.sin((rows + columns) / 7))
Image.fromarray(np.stack(waves, axis=-1).round().astype(np.uint8)).save("large.jpg", quality=95)
Image.open("large.jpg").save("large.png")


def small(name, side, looked=False):
    picture = Image.open(name)
    if looked:
        picture.getpixel((0, 0))
    picture.thumbnail((side, side))
    return np.asarray(picture).astype(int)


print(f"versions: Pillow {__version__}, numpy {np.__version__}")
print("guess: one thumbnail, whatever was asked of the picture before")
for side, share in ((64, 0.3), (100, 0.3), (224, 0)):
    difference = abs(small("large.jpg", side) - small("large.jpg", side, looked=True))
    print(f"seen:  to {side}: {(difference > 0).mean():.0%} of the bytes differ, by up to {difference.max()} levels")
    assert (difference > 0).mean() > share or not share
    assert difference.any() == bool(share)
    assert (small("large.png", side) == small("large.jpg", side, looked=True)).all()
EOF
