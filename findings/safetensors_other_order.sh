#!/usr/bin/env bash
# A good guess: a dictionary of weights comes back in the order in which it was saved, as from an NPZ file, so that a
# flat list of layers can be laid over another network layer by layer. From safetensors it need not: load_file gives
# wide numbers first (float64 before float32 before float16) and then goes by the name's letters, layer10 before
# layer2; load of the same bytes has an order of its own in every process. Only names tell whose a tensor is; who needs
# an order writes it beside them, into the file's metadata.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile safetensors==0.8.0 numpy==2.4.6

cat > read.py << 'EOF'
import sys

from safetensors.numpy import load, load_file

by_file = load_file("weights.safetensors")
by_bytes = load(open("weights.safetensors", "rb").read())
print(*(by_file if sys.argv[1] == "file" else by_bytes))
EOF
venv/bin/python -I - << 'EOF'
import subprocess
from importlib.metadata import version

import numpy as np
from safetensors.numpy import save_file

print(f"versions: safetensors {version('safetensors')}, numpy {np.__version__}")
weights = {"half": np.zeros(2, np.float16)}
weights |= {f"layer{i}": np.full(2, i, np.float32) for i in range(1, 12)}
weights["mean"] = np.zeros(2)  # float64
np.savez("weights.npz", **weights)
save_file(weights, "weights.safetensors")
names = list(weights)


def read(how):
    return subprocess.check_output(["venv/bin/python", "-I", "read.py", how], text=True).split()


print("guess:", *names)
print("NPZ:  ", *np.load("weights.npz").files)
files, bytes_ = [read("file") for _ in range(2)], [read("bytes") for _ in range(4)]
print("seen, load_file:", *files[0])
for order in bytes_[:2]:
    print("seen, load:     ", *order)
assert np.load("weights.npz").files == names
assert files[0] == files[1] == ["mean", *sorted(names[1:-1]), "half"]
assert files[0].index("layer10") < files[0].index("layer2")
assert len(set(map(tuple, bytes_))) > 1
assert all(sorted(order) == sorted(names) for order in bytes_)
EOF
