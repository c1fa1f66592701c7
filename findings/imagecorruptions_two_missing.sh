#!/usr/bin/env bash
# A good guess: the package of the published corruptions, whose requirements are numpy>=1.16 and scikit-image>=0.15, makes
# all of its fifteen. With NumPy 2 and a scikit-image of today thirteen of them work: fog asks for np.float_, which NumPy 2
# took away, and glass blur hands multichannel= to skimage's gaussian, which is called channel_axis= now. A benchmark that
# catches errors and goes on averages over thirteen and calls it the mean over fifteen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
# setuptools: the package imports pkg_resources, which later versions lack.
venv/bin/pip install --quiet imagecorruptions==1.1.2 numpy==2.2.6 scikit-image==0.25.2 'setuptools==80.9.0'

venv/bin/python -W ignore - << 'EOF'
from importlib.metadata import requires, version

import numpy as np
from imagecorruptions import corrupt, get_corruption_names

picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
failed = {}
for name in get_corruption_names():
    try:
        assert corrupt(picture, corruption_name=name, severity=3).shape == picture.shape
    except (TypeError, AttributeError) as error:
        failed[name] = f"{type(error).__name__}: {error}".splitlines()[0][:70]
names = ("imagecorruptions", "numpy", "scikit-image")
print("versions:", *(f"{name} {version(name)}" for name in names))
print("it asks for:", ", ".join(sorted(requires("imagecorruptions"))))
print(f"guess: {len(get_corruption_names())} of {len(get_corruption_names())} are made")
print(f"seen:  {len(get_corruption_names()) - len(failed)} are made;", failed)
assert sorted(failed) == ["fog", "glass_blur"]
EOF
