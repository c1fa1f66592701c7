#!/usr/bin/env bash
# A good guess: who never calls torch.compile never loads its compiler; import torch leaves torch._dynamo out for that.
# Making an optimizer loads it, even SGD: some nine hundred modules come in at the first one, which are seconds of a
# short script's or a test's start. Forward, backward and saving do without, and so does a step written by hand, p -= lr *
# p.grad under no_grad.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import io
import sys
import time

import torch
from torch import nn


def held():
    return "torch._dynamo" in sys.modules, len(sys.modules)


seen = {"import torch": held()}
network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
loss = nn.functional.cross_entropy(network(torch.ones(2, 1, 8, 8)), torch.tensor([0, 2]))
loss.backward()
with torch.no_grad():
    for parameter in network.parameters():
        parameter -= 0.1 * parameter.grad
torch.save(network.state_dict(), io.BytesIO())
seen["a step by hand, state saved"] = held()
begun = time.perf_counter()
torch.optim.SGD(network.parameters(), lr=0.1)
took = time.perf_counter() - begun
seen["torch.optim.SGD(...)"] = held()

print("versions: torch", torch.__version__)
print("guess: torch._dynamo is never loaded, since nothing is compiled")
for what, (loaded, modules) in seen.items():
    print(f"seen:  {what}: {'loaded' if loaded else 'not loaded'}, {modules} modules")
print(f"seen:  the optimizer took {took:.1f} s here")
assert [loaded for loaded, _ in seen.values()] == [False, False, True]
assert seen["torch.optim.SGD(...)"][1] - seen["a step by hand, state saved"][1] > 500
EOF
