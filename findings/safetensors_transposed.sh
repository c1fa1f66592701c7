#!/usr/bin/env bash
# A good guess: save_file of a transposed NumPy array either writes its values or refuses, as it does for such tensors
# of PyTorch. So it was up to 0.7.0. 0.8.0 writes the memory as it lies under the transposed shape: same shape, other
# values, no error. Whoever stores arrays (weights turned from another framework, pictures from NHWC) calls
# np.ascontiguousarray first and reads one file back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile numpy==2.4.6

for release in 0.7.0 0.8.0; do
  venv/bin/pip install --quiet --no-compile safetensors==$release
  venv/bin/python -I - << 'EOF'
from importlib.metadata import version

import numpy as np
from safetensors.numpy import load, save

release = version("safetensors")
print(f"versions: safetensors {release}, numpy {np.__version__}")
weights = np.arange(6, dtype=np.float32).reshape(2, 3)  # (out, in), as a dense layer elsewhere keeps it turned
stored = load(save({"w": weights.T}))["w"]
mended = load(save({"w": np.ascontiguousarray(weights.T)}))["w"]
print("guess: a transposed array comes back as", weights.T.tolist())
print("seen: ", stored.tolist(), "and after np.ascontiguousarray", mended.tolist())
assert stored.shape == (3, 2)
assert np.array_equal(stored, weights.T) == (release == "0.7.0")
assert release == "0.7.0" or np.array_equal(stored.ravel(), weights.ravel())  # the memory, not the values
assert np.array_equal(mended, weights.T)
EOF
done
